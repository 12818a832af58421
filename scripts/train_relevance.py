"""Train `data/relevance.safetensors`: low-rank parts of the sentence encoder, a vector for each article and text.

    python scripts/train_relevance.py                 45 minutes on 2 CPU cores
    python scripts/train_relevance.py --resume        goes on behind the last whole epoch
    python scripts/train_relevance.py --epochs 1 --out /tmp/look.safetensors

A question is to be nearest to the paragraphs that answer it among all paragraphs and points of the code, and to the
learned vector of its article, or to that of "outside the code". Each step's loss is the cross-entropy over the whole
code: all texts keep their vectors, and some that matter in the step (one that answers, one near the question that
does not) are computed anew, with gradients. At the end the encoder stays as it is, and the vectors of the texts are
fitted to the questions' in two minutes. Fits on the training questions alone; the development questions are measured
after each epoch. Interrupted, it leaves what the last whole epoch made.
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
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import normalize
from torch.nn.utils import clip_grad_norm_
from transformers import AutoTokenizer, BertModel

from labourqa.config import DATA, DEFAULT_EDITION, load_settings
from labourqa.documents.document import read_document
from labourqa.evaluation.cases import Case, read_cases
from labourqa.evaluation.metrics import ndcg_at, recall_at, reciprocal_rank
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.models.relevance import TRAINED, article_digest, count_texts, embedding_texts
from labourqa.models.weights import fetch_weights
from labourqa.pipeline import ENCODER

TRAIN = ("questions-train.jsonl", "questions-written.jsonl")
DEV = "questions-dev.jsonl"
USEFUL = 0.2  # share of a useful article (grade 1) in the target, where a needed one (grade 2) has 1
MAX_TOKENS = 160  # longer texts are cut: the points of a long paragraph are texts of their own
GROUP = 16
TEXT_EPOCHS = 40
TEXT_BATCH = 256
NOISE = 0.03  # added to each dimension of a question's vector while the vectors of texts are fitted
LEFT_OUT = 0.1  # of a question's words, anew each time it is seen
FRESH = 12  # questions of a batch whose texts are computed anew, two each
NEAR = 8  # the wrong text is among so many of the nearest


@dataclass(frozen=True)
class Question:
    text: str
    grades: dict[int, int]  # article's place -> grade; {} outside the code
    texts: list[int]  # places of the paragraphs and points that answer it, where they are labelled


class LowRank(nn.Module):
    """A linear layer plus up @ down, which alone is trained (Hu et al. 2021, LoRA)."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.randn(rank, linear.in_features) / math.sqrt(linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, states: Tensor) -> Tensor:
        own: Tensor = self.linear(states)
        return own + functional.linear(functional.linear(states, self.down), self.up)


class Trainer:
    def __init__(self, articles: Sequence[Article], folder: Path, rank: int) -> None:
        self.articles = articles
        self.texts = embedding_texts(articles)
        places = [
            (i, paragraph.number)
            for i, article in enumerate(articles)
            for paragraph in article.paragraphs
            for _ in range(1 + len(paragraph.points))
        ]
        self.kept = torch.empty(0)  # their vectors, (texts, hidden)
        self.owner = torch.tensor([i for i, _ in places])  # the article's place of each text
        self.paragraph = [number for _, number in places]
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        # Without dropout, which on a CPU takes half of the time; words of the questions are left out instead.
        self.encoder = BertModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            dtype=torch.float32,
            hidden_dropout_prob=0,
            attention_probs_dropout_prob=0,
        )
        self.encoder.requires_grad_(False)
        for name, module in list(self.encoder.encoder.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, child = name.rpartition(".")
                setattr(self.encoder.encoder.get_submodule(parent), child, LowRank(module, rank))
        self.low_rank = [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]
        outside = len(articles)  # its class stands behind those of the articles
        self.vectors = nn.Parameter(torch.zeros(outside + 1, self.encoder.config.hidden_size))
        self.bias = nn.Parameter(torch.zeros(outside + 1))
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))

    def start(self, questions: Sequence[Question]) -> None:
        """Article vectors begin at the mean of their texts, that of "outside" at the mean of such questions."""
        kept = self.encode_all(self.texts)
        outside = [question.text for question in questions if not question.grades]
        with torch.no_grad():
            for i in range(len(self.articles)):
                self.vectors[i] = normalize(kept[self.owner == i].mean(0), dim=0)
            if outside:
                self.vectors[-1] = normalize(self.encode_all(outside).mean(0), dim=0)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(texts, hidden), each of length 1: the mean of the token states, as SentenceEncoder makes it."""
        ids = self.tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        vectors = []
        for start in range(0, len(order), GROUP):  # of similar lengths, with little padding
            some = [ids[i] for i in order[start : start + GROUP]]
            batch = self.tokenizer.pad({"input_ids": some}, return_tensors="pt")
            states = self.encoder(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            vectors.append(normalize((states * mask).sum(1) / mask.sum(1), dim=-1))
        return torch.cat(vectors)[torch.tensor(order).argsort()]

    @torch.no_grad()
    def encode_all(self, texts: Sequence[str]) -> Tensor:
        return self.encode(texts)

    def by_article(self, scores: Tensor) -> Tensor:
        """(batch, texts) -> (batch, articles): log-sum-exp over an article's texts."""
        owner = self.owner.expand(len(scores), -1)
        empty = scores.new_full((len(scores), len(self.articles)), -math.inf)
        highest = empty.scatter_reduce(1, owner, scores.detach(), "amax")
        sums = torch.zeros_like(empty).scatter_add(1, owner, (scores - highest.gather(1, owner)).exp())
        return highest + sums.log()

    def by_class(self, questions: Tensor) -> Tensor:
        """(batch, articles + 1): the last one is "outside the code"."""
        return self.log_scale.exp() * questions @ normalize(self.vectors, dim=-1).T + self.bias

    def loss(self, batch: Sequence[Question]) -> Tensor:
        asked = self.encode([leave_out_words(question.text) for question in batch])
        chosen = self.choose_texts(batch, asked.detach() @ self.kept.T)
        fresh = self.encode([self.texts[i] for i in chosen])
        texts = self.kept.index_copy(0, torch.tensor(chosen), fresh)
        self.kept[chosen] = fresh.detach()
        classes = (self.target(batch) * self.by_class(asked).log_softmax(1)).sum(1).mean()
        articles, located = self.likelihoods(batch, self.log_scale.exp() * asked @ texts.T)
        return -articles - 0.5 * classes - 0.3 * located

    def target(self, batch: Sequence[Question]) -> Tensor:
        """(batch, articles + 1): how the probability is to be shared out."""
        target = torch.zeros(len(batch), len(self.articles) + 1)
        for row, question in zip(target, batch, strict=True):
            for place, grade in question.grades.items():
                row[place] = 1.0 if grade == 2 else USEFUL
            row[-1] = float(not question.grades)
        return target / target.sum(1, keepdim=True)

    def likelihoods(self, batch: Sequence[Question], scores: Tensor) -> tuple[Tensor, Tensor]:
        """Mean log-likelihoods of the articles, and of the labelled texts, from (batch, texts) scores."""
        inside = torch.tensor([bool(question.grades) for question in batch])
        logs = self.by_article(scores[inside]).log_softmax(1)
        articles = (self.target(batch)[inside, :-1] * logs).sum(1).mean()
        logs = scores.log_softmax(1)
        located = [self.locate(logs[i], question.texts) for i, question in enumerate(batch) if question.texts]
        return articles, torch.stack(located).mean() if located else torch.zeros(())

    def locate(self, logs: Tensor, texts: Sequence[int]) -> Tensor:
        """Mean log-probability of each needed article's answering texts, from (texts,) log-probabilities."""
        of_article: dict[int, list[int]] = {}
        for text in texts:
            of_article.setdefault(int(self.owner[text]), []).append(text)
        return torch.stack([torch.logsumexp(logs[own], 0) for own in of_article.values()]).mean()

    def fit_texts(self, questions: Sequence[Question]) -> None:
        """Move the kept vectors of the texts towards the questions that they answer."""
        inside = [question for question in questions if question.grades]
        asked = self.encode_all([question.text for question in inside])
        fitted = nn.Parameter(self.kept.clone())
        optimizer = torch.optim.Adam([fitted], lr=2e-3)
        scale = self.log_scale.detach().exp()
        for _ in range(TEXT_EPOCHS):
            order = torch.randperm(len(inside))
            for some in order.split(TEXT_BATCH):  # type: ignore[no-untyped-call]
                noisy = normalize(asked[some] + NOISE * torch.randn(len(some), asked.shape[1]), dim=-1)
                scores = scale * noisy @ normalize(fitted, dim=-1).T
                articles, located = self.likelihoods([inside[i] for i in some.tolist()], scores)
                optimizer.zero_grad()
                (-articles - located).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self.kept = normalize(fitted.detach(), dim=-1)

    def choose_texts(self, batch: Sequence[Question], similarities: Tensor) -> list[int]:
        """Of some questions: one text that answers, and one near the question that does not."""
        chosen = set()
        inside = [i for i, question in enumerate(batch) if question.grades]
        for i in random.sample(inside, min(FRESH, len(inside))):
            question = batch[i]
            needed = random.choice([place for place, grade in question.grades.items() if grade == 2])
            own = [t for t in question.texts if self.owner[t] == needed] or torch.nonzero(
                self.owner == needed
            ).flatten().tolist()
            chosen.add(max(own, key=lambda t: float(similarities[i, t])))
            nearest = similarities[i].argsort(descending=True).tolist()
            wrong = (t for t in nearest if int(self.owner[t]) not in question.grades)
            chosen.add(random.choice(list(islice(wrong, NEAR))))
        return sorted(chosen)

    @torch.no_grad()
    def measure(self, cases: Sequence[Case]) -> dict[str, float]:
        """Rank the articles for the development questions."""
        asked = self.encode_all([case.question for case in cases])
        classes = self.by_class(asked).log_softmax(1)
        scores = self.by_article(self.log_scale.exp() * asked @ self.kept.T).log_softmax(1) + classes[:, :-1]
        rows = []
        for case, row in zip(cases, scores, strict=True):
            if not case.needed:
                continue
            ranked = [self.articles[i].number for i in row.argsort(descending=True).tolist()]
            rows.append(
                {
                    "mrr": reciprocal_rank(ranked, case.needed),
                    "recall_at_5": recall_at(ranked, case.needed, 5),
                    "recall_at_10": recall_at(ranked, case.needed, 10),
                    "recall_at_20": recall_at(ranked, case.needed, 20),
                    "ndcg_at_10": ndcg_at(ranked, case.grades, 10),
                }
            )
        measures = {name: statistics.fmean(row[name] for row in rows) for name in rows[0]}
        answerable = torch.tensor([case.answerable for case in cases])
        inside, outside = classes[answerable, -1], classes[~answerable, -1]
        measures["outside_auc"] = (outside[:, None] > inside).float().mean().item()
        limit = inside.sort(descending=True).values[int(0.03 * len(inside))]
        measures["refused_at_3_percent"] = (outside > limit).float().mean().item()
        return {name: round(value, 4) for name, value in measures.items()}

    def load(self, path: Path) -> int:
        """What `save` wrote, for the same rank; returns how many epochs made it."""
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  # no dict
            epochs = int(file.metadata()["epochs"])
        with torch.no_grad():
            for name, parameter in self.encoder.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(tensors[name])
            self.vectors.copy_(tensors["articles"])
            self.bias.copy_(tensors["bias"])
            self.log_scale.copy_(tensors["scale"][0].log())
        return epochs

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        tensors = {
            name: parameter.detach().half().contiguous()
            for name, parameter in self.encoder.named_parameters()
            if parameter.requires_grad
        }
        tensors["articles"] = normalize(self.vectors.detach(), dim=-1).half()
        tensors["texts"] = self.kept.half()
        tensors["bias"] = self.bias.detach().clone()
        tensors["scale"] = self.log_scale.detach().exp().reshape(1)
        part = path.with_name(path.name + ".part")
        save_file(tensors, part, metadata=metadata)
        part.replace(path)


def leave_out_words(text: str) -> str:
    words = text.split()
    return " ".join(word for word in words if random.random() >= LEFT_OUT) or text


def read_questions(path: Path, trainer: Trainer) -> list[Question]:
    place = {article.number: i for i, article in enumerate(trainer.articles)}
    texts: dict[str, list[int]] = {}
    for t, (owner, paragraph) in enumerate(zip(trainer.owner.tolist(), trainer.paragraph, strict=True)):
        number = trainer.articles[owner].number
        texts.setdefault(f"{number}({paragraph})" if paragraph else number, []).append(t)
    questions = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        grades = {place[number]: grade for number, grade in fields["articles"].items()}
        answers = [t for reference in fields.get("paragraphs", []) for t in texts.get(reference, [])]
        if not grades or 2 in grades.values():
            questions.append(Question(fields["question"], grades, answers))
    return questions


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64, help="questions of a step")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument(
        "--lr", type=float, default=1e-3, help="of the low-rank parts and the article vectors"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=Path, nargs="+", default=[DATA / name for name in TRAIN])
    parser.add_argument("--resume", action="store_true", help="go on with what --out holds")
    parser.add_argument("--out", type=Path, default=TRAINED)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    random.seed(args.seed)

    articles = parse_code(read_document(DEFAULT_EDITION).text).articles
    folder = fetch_weights(ENCODER, load_settings({}).models, show_progress=lambda *_: None).folder
    trainer = Trainer(articles, folder, args.rank)
    questions = [question for path in args.train for question in read_questions(path, trainer)]
    cases = read_cases(DATA / DEV)
    trainer.start(questions)
    done = trainer.load(args.out) if args.resume else 0
    trainer.kept = trainer.encode_all(trainer.texts)
    print(f"epoch {done}", trainer.measure(cases), flush=True)

    batches = range(0, len(questions) - args.batch + 1, args.batch)
    steps = args.epochs * len(batches)
    optimizer = torch.optim.AdamW(
        [
            {"params": trainer.low_rank, "lr": args.lr, "weight_decay": 0.01},
            {"params": [trainer.vectors], "lr": args.lr, "weight_decay": 0.0},
            {"params": [trainer.log_scale, trainer.bias], "lr": 5 * args.lr, "weight_decay": 0.0},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: min((n + 1) / 50, max(0.02, 1 - (n + done * len(batches)) / steps))
    )
    metadata = {
        "command": " ".join(["python", "scripts/train_relevance.py", *sys.argv[1:]]),
        "data": json.dumps(
            {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in [*args.train, DEFAULT_EDITION]}
        ),
        "articles": json.dumps([article_digest(article) for article in articles]),
        "texts": json.dumps([count_texts(article) for article in articles]),
    }
    console = Console(stderr=True)
    for epoch in range(done + 1, args.epochs + 1):
        started = time.monotonic()
        order = random.sample(questions, len(questions))
        losses = []
        for first in track(batches, f"epoch {epoch}", console=console, transient=True):
            loss = trainer.loss(order[first : first + args.batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(trainer.low_rank, 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        trainer.kept = trainer.encode_all(trainer.texts)
        measures = trainer.measure(cases)
        minutes = (time.monotonic() - started) / 60
        print(f"epoch {epoch}, {minutes:.0f} min, loss {statistics.fmean(losses):.3f}", measures, flush=True)
        trainer.save(args.out, metadata | {"epochs": str(epoch), "development": json.dumps(measures)})
    trainer.fit_texts(questions)
    measures = trainer.measure(cases)
    print("vectors of texts fitted", measures, flush=True)
    trainer.save(args.out, metadata | {"epochs": str(args.epochs), "development": json.dumps(measures)})


if __name__ == "__main__":
    main()
