"""Train `data/interaction.safetensors`: the late interaction of question and article.

    python scripts/train_interaction.py FOLDER       # 12 minutes on one core that computes in bfloat16

FOLDER has the laws' documents, under the names of the question files in data/other-laws. For India and for Malaysia, a
model that was trained without the country's laws is measured on all questions on them; the one that is written is
trained on the training questions on all laws. The encoder is fixed: trained
are two projections of its token states, one for questions and one for texts, and the weight of a question's token. The
weights of an article's other scores are trained along and printed; those that the program uses are in
labourqa/models/relevance.py. The loss is a cross-entropy over the articles that already
rank high, those that answer, and a few random ones. The questions on the embedded edition and on the official text of
its law teach the projections, but not the weights of the fusion, because the encoder was trained on that law.
"""

import argparse
import hashlib
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus
from torch.nn.utils import clip_grad_norm_

from labourqa.config import DATA, DEFAULT_EDITION, load_settings
from labourqa.documents.document import read_document
from labourqa.evaluation.metrics import recall_at, reciprocal_rank
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.models.bm25 import BM25Index
from labourqa.models.catalogue import MINILM
from labourqa.models.encoder import SentenceEncoder
from labourqa.models.interaction import INTERACTION
from labourqa.models.loading import choose_dtype
from labourqa.models.relevance import OTHER_LAWS_DELTA_SHARE, TrainedRelevance
from labourqa.models.texts import window_texts
from labourqa.models.weights import fetch_weights

QUESTIONS = DATA / "other-laws"
EMBEDDED_QUESTIONS = (DATA / "questions-train.jsonl", DATA / "questions-written.jsonl")
EMBEDDED_SAMPLE = 2_000  # of these 8,758 questions; all of them gain nothing for other laws
EMBEDDED_WEIGHT = 0.5  # how often a batch is from the embedded edition, beside sqrt(questions) of each law

DIMENSIONS = 128
HIGHEST = 20  # articles by the other scores that are candidates, beside those that answer
RANDOM = 6  # and random ones
USEFUL_WEIGHT = 0.2  # of a useful article (grade 1) in the target distribution
INTERACTION_LOSS_WEIGHT = 0.3  # of the cross-entropy of the late interaction alone
START_WEIGHTS = {"best": 20.0, "mean": 10.0, "words": 0.35, "interaction": 25.0}
START_TOKEN_BIAS = math.log(math.e - 1)  # softplus of it is 1: all tokens of a question have the same weight
WARMUP_STEPS = 30
BATCH = 48  # questions
LEARNING_RATE = 1e-3  # of the projections


@dataclass(frozen=True)
class Question:
    text: str
    grades: dict[int, int]  # article index -> grade
    training: bool


class Law:
    """A law's vectors and tokens as the program computes them, and its answerable questions."""

    def __init__(
        self, name: str, articles: Sequence[Article], questions: Sequence[Question], encoder: SentenceEncoder
    ) -> None:
        self.name = name
        self.articles = articles
        self.questions = questions
        paragraphs = [(i, p) for i, article in enumerate(articles) for p in window_texts(article)]
        windows = [window for _, paragraph in paragraphs for text in paragraph for window in text]
        is_whole = [j == 0 for _, paragraph in paragraphs for j, text in enumerate(paragraph) for _ in text]
        owners = [i for i, paragraph in paragraphs for text in paragraph for _ in text]
        encode = partial(encoder.encode_tokens, delta_share=OTHER_LAWS_DELTA_SHARE)
        vectors, tokens = encode(windows, lambda states: states.astype(np.float16))
        whole = [(i, states) for i, one, states in zip(owners, is_whole, tokens, strict=True) if one]
        self.tokens = torch.from_numpy(np.concatenate([states for _, states in whole])).bfloat16()
        self.lengths = np.bincount(
            [i for i, _ in whole], [len(states) for _, states in whole], len(articles)
        ).astype(int)  # tokens of each article
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.vectors = torch.from_numpy(vectors)
        self.owners = torch.tensor(owners)
        sums = torch.zeros(len(articles), vectors.shape[1]).index_add_(0, self.owners, self.vectors)
        self.means = normalize(sums, dim=-1)
        question_vectors, states = encode(
            [question.text for question in questions],
            lambda states: (states[1:-1] if len(states) > 2 else states).astype(np.float16),
        )
        self.question_vectors = torch.from_numpy(question_vectors)
        self.question_states = [torch.from_numpy(one) for one in states]
        index = BM25Index(articles)
        self.words = torch.tensor(np.array([index.score(one.text) for one in questions]), dtype=torch.float32)

    @property
    def country(self) -> str:
        return next((one for one in ("india", "malaysia") if one in self.name), "lithuania")

    @property
    def targets(self) -> Tensor:
        """(questions, articles): probabilities by grades."""
        target = torch.zeros(len(self.questions), len(self.articles))
        for row, question in zip(target, self.questions, strict=True):
            for index, grade in question.grades.items():
                row[index] = 1.0 if grade == 2 else USEFUL_WEIGHT
        return target / target.sum(1, keepdim=True)

    def similarities(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(questions, articles): of the best text, and of the mean direction of the texts."""
        questions = self.question_vectors[list(chosen)]
        of_texts = questions @ self.vectors.T
        empty = torch.zeros(len(questions), len(self.articles))
        best = empty.scatter_reduce(
            1, self.owners.expand(len(questions), -1), of_texts, "amax", include_self=False
        )
        return best, questions @ self.means.T


class InteractionModel:
    def __init__(self, laws: Sequence[Law]) -> None:
        # The projections begin as the principal directions of the texts' tokens.
        sample = torch.cat([law.tokens[torch.randint(len(law.tokens), (4_000,))].float() for law in laws])
        _, _, directions = torch.linalg.svd(normalize(sample, dim=-1), full_matrices=False)
        self.texts = nn.Parameter(directions[:DIMENSIONS].clone())
        self.questions = nn.Parameter(directions[:DIMENSIONS].clone())
        self.token_weight = nn.Parameter(torch.zeros(directions.shape[1]))
        self.log_weights = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(math.log(weight))) for name, weight in START_WEIGHTS.items()}
        )

    def weights(self) -> dict[str, Tensor]:
        return {name: parameter.exp() for name, parameter in self.log_weights.items()}

    def project_tokens(self, law: Law) -> Tensor:
        """(tokens, dimensions), bfloat16, without gradients: to find the most similar ones."""
        with torch.no_grad():
            return normalize((law.tokens @ self.texts.T.bfloat16()).float(), dim=-1).bfloat16()

    def interaction(self, law: Law, question: int, articles: Sequence[int], projected: Tensor) -> Tensor:
        """(articles,): the late interaction of a question, with gradients through the most similar tokens alone."""
        states = law.question_states[question].float()
        tokens = normalize(normalize(states, dim=-1) @ self.questions.T, dim=-1)
        weights = softplus(states @ self.token_weight + START_TOKEN_BIAS)
        with torch.no_grad():
            short = tokens.bfloat16()
            spans = [(law.starts[i], law.starts[i] + law.lengths[i]) for i in articles]
            nearest = torch.stack(
                [start + (short @ projected[start:end].T).argmax(1) for start, end in spans], 1
            )  # (question tokens, articles)
        found = normalize(law.tokens[nearest].float() @ self.texts.T, dim=-1)
        similarities = (tokens.unsqueeze(1) * found).sum(-1)
        return (weights / weights.sum()) @ similarities

    def loss(self, law: Law, chosen: Sequence[int]) -> Tensor:
        weights = self.weights()
        if law.country == "lithuania":
            weights = {name: weight.detach() for name, weight in weights.items()}
        best, mean = law.similarities(chosen)
        others = weights["best"] * best + weights["mean"] * mean + weights["words"] * law.words[list(chosen)]
        targets = law.targets[list(chosen)]
        loss = -0.5 * (targets * others.log_softmax(1)).sum(1).mean()
        projected = self.project_tokens(law)
        for question, scores, target in zip(chosen, others, targets, strict=True):
            highest = scores.detach().topk(min(HIGHEST, len(scores))).indices.tolist()
            some = random.sample(range(len(law.articles)), min(RANDOM, len(law.articles)))
            candidates = dict.fromkeys([*law.questions[question].grades, *highest, *some])
            articles = [i for i in candidates if law.lengths[i]]
            scaled = weights["interaction"] * self.interaction(law, question, articles, projected)
            together = (scores[articles] + scaled).log_softmax(0)
            alone = (2 * scaled).log_softmax(0)
            loss = loss - (target[articles] * (together + INTERACTION_LOSS_WEIGHT * alone)).sum() / len(
                chosen
            )
        return loss

    @torch.no_grad()
    def evaluate(self, law: Law, chosen: Sequence[int]) -> dict[str, float]:
        """Metrics of the fused scores."""
        best, mean = law.similarities(chosen)
        weights = self.weights()
        projected = self.project_tokens(law)
        with_text = np.flatnonzero(law.lengths).tolist()
        rows = []
        for row, question in enumerate(chosen):
            interaction = torch.zeros(len(law.articles))
            interaction[with_text] = self.interaction(law, question, with_text, projected)
            scores = (
                weights["best"] * best[row]
                + weights["mean"] * mean[row]
                + weights["words"] * law.words[question]
                + weights["interaction"] * interaction
            )
            ranked = [str(i) for i in scores.argsort(descending=True).tolist()]
            needed = [str(i) for i, grade in law.questions[question].grades.items() if grade == 2]
            recalls = {f"recall_at_{k}": recall_at(ranked, needed, k) for k in (5, 10)}
            rows.append({"mrr": reciprocal_rank(ranked, needed), **recalls})
        return {name: round(statistics.fmean(row[name] for row in rows), 3) for name in rows[0]}

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        """Write the file that LateInteraction reads."""
        tensors = {
            "texts": self.texts,
            "questions": self.questions,
            "token_weight": self.token_weight,
            "token_bias": torch.tensor(START_TOKEN_BIAS),
        }
        save_file({name: one.detach().float().contiguous() for name, one in tensors.items()}, path, metadata)


def read_questions(path: Path, articles: Sequence[Article]) -> list[Question]:
    """The questions with a needed article."""
    index = {article.number: i for i, article in enumerate(articles)}
    questions = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        grades = {index[number]: grade for number, grade in fields["articles"].items()}
        if 2 in grades.values():
            questions.append(Question(fields["question"], grades, fields.get("split", "train") == "train"))
    return questions


def read_laws(folder: Path, encoder: SentenceEncoder) -> list[Law]:
    laws = []
    for path in sorted(QUESTIONS.glob("*.jsonl")):
        document = read_document(next(folder.glob(f"{path.stem}.*")))
        code = document.code or parse_code(document.text)
        articles = [article for article in code.articles if not article.repealed]
        laws.append(Law(path.stem, articles, read_questions(path, articles), encoder))
    articles = list(parse_code(read_document(DEFAULT_EDITION).text).articles)
    questions = [question for path in EMBEDDED_QUESTIONS for question in read_questions(path, articles)]
    laws.append(Law("embedded", articles, random.sample(questions, EMBEDDED_SAMPLE), encoder))
    return laws


def train(laws: Sequence[Law], steps: int, seed: int) -> InteractionModel:
    torch.manual_seed(seed)
    random.seed(seed)
    pools = [[i for i, one in enumerate(law.questions) if one.training] for law in laws]
    frequencies = [
        math.sqrt(len(pool)) * (EMBEDDED_WEIGHT if law.name == "embedded" else 1.0)
        for law, pool in zip(laws, pools, strict=True)
    ]
    model = InteractionModel(laws)
    projections = [model.texts, model.questions, model.token_weight]
    optimizer = torch.optim.AdamW(
        [
            {"params": projections[:2], "lr": LEARNING_RATE, "weight_decay": 0.0},
            {"params": projections[2:], "lr": 3 * LEARNING_RATE, "weight_decay": 0.0},
            {"params": list(model.log_weights.values()), "lr": 5 * LEARNING_RATE, "weight_decay": 0.0},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARMUP_STEPS, max(0.03, 1 - step / steps))
    )
    started = time.monotonic()
    losses = []
    for step in range(1, steps + 1):
        [(law, pool)] = random.choices(list(zip(laws, pools, strict=True)), frequencies)
        loss = model.loss(law, random.sample(pool, min(BATCH, len(pool))))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(projections, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 0:
            seconds = time.monotonic() - started
            print(f"step {step}, {seconds:.0f} s, loss {statistics.fmean(losses[-50:]):.3f}", flush=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the laws' documents")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=INTERACTION)
    arguments = parser.parse_args()
    random.seed(arguments.seed)

    encoder = SentenceEncoder(fetch_weights(MINILM, load_settings({}).models), TrainedRelevance())
    in_bfloat16 = choose_dtype("auto", torch.device("cpu")) == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
        laws = read_laws(arguments.folder, encoder)
    for country in ("india", "malaysia"):
        model = train([law for law in laws if law.country != country], arguments.steps, arguments.seed)
        for law in laws:
            if law.country == country:
                print(law.name, "left out:", model.evaluate(law, range(len(law.questions))), flush=True)
    model = train(laws, arguments.steps, arguments.seed)
    for law in laws:
        if held_back := [i for i, one in enumerate(law.questions) if not one.training]:
            print(law.name, "held-back questions:", model.evaluate(law, held_back), flush=True)
    files = [*sorted(QUESTIONS.glob("*.jsonl")), *EMBEDDED_QUESTIONS, DEFAULT_EDITION]
    metadata = {
        "command": " ".join(["python", "scripts/train_interaction.py", *sys.argv[1:]]),
        "data": json.dumps({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}),
        "fusion": json.dumps({name: round(weight.item(), 3) for name, weight in model.weights().items()}),
    }
    model.save(arguments.out, metadata)


if __name__ == "__main__":
    main()
