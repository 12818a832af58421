"""Train `data/relevance.safetensors`: LoRA deltas for the sentence encoder, a vector for each article and each text.

    python scripts/train_relevance.py                 # 45 minutes on 2 CPU cores
    python scripts/train_relevance.py --resume        # continue after the last complete epoch
    python scripts/train_relevance.py --epochs 1 --out /tmp/try.safetensors

Training draws a question's vector towards the paragraphs and points ("texts") that answer it, away from all other texts
of the code, and towards the class vector of its article, or that of "out of scope". The loss of a step is a
cross-entropy over the whole code: the vectors of all texts are stored, and only a few are computed again with
gradients, one that answers a question and one similar text that does not. After the last epoch the encoder is fixed,
and the stored vectors of the texts are fitted to the vectors of the questions, which takes two minutes.

Only the training questions are fitted; the development questions are evaluated after each epoch. An interrupted run
leaves the file of the last complete epoch.
"""

import argparse
import hashlib
import json
import math
import random
import statistics
import sys
import time
from collections import defaultdict
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
from labourqa.evaluation.cases import NEEDED_GRADE, Case, read_cases
from labourqa.evaluation.metrics import ndcg_at, recall_at, reciprocal_rank
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.models.catalogue import MINILM
from labourqa.models.loading import silence_transformers
from labourqa.models.relevance import TRAINED, article_digest
from labourqa.models.texts import trained_texts
from labourqa.models.weights import fetch_weights

TRAINING_FILES = (DATA / "questions-train.jsonl", DATA / "questions-written.jsonl")
DEVELOPMENT_FILE = DATA / "questions-dev.jsonl"

USEFUL_WEIGHT = 0.2  # of a useful article (grade 1) in the target distribution; a needed one (grade 2) has 1
MAX_TOKENS = 160  # longer texts are truncated: the points of a long paragraph are texts of their own
ENCODER_BATCH = 16  # texts
WORD_DROPOUT = 0.1  # share of a question's words that is left out, chosen again each time it is used
REFRESHED_QUESTIONS = 12  # questions of a batch for which two texts are encoded again
HARD_NEGATIVES = 8  # the text that does not answer is chosen from so many of the most similar ones
CLASS_LOSS_WEIGHT = 0.5
TEXT_LOSS_WEIGHT = 0.3
WARMUP_STEPS = 50

TEXT_FITTING_EPOCHS = 40
TEXT_FITTING_BATCH = 256  # questions
TEXT_FITTING_RATE = 2e-3
QUESTION_NOISE = 0.03  # standard deviation of the noise in each dimension of a question's vector


@dataclass(frozen=True)
class Question:
    text: str
    grades: dict[int, int]  # article index -> grade; {} if the code does not answer the question
    answering_texts: list[
        int
    ]  # indices of the paragraphs and points that answer it; [] if they are not labelled


class Corpus:
    """A code's articles and their texts (see trained_texts)."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self.articles = articles
        self.texts = [text for article in articles for text in trained_texts(article)]
        self.texts_by_reference: dict[str, list[int]] = defaultdict(
            list
        )  # such as "144(4)" -> indices of its texts
        article_indices: list[int] = []
        for index, article in enumerate(articles):
            for paragraph in article.paragraphs:
                number = paragraph.number
                reference = f"{article.number}({number})" if number else article.number
                for _ in range(1 + len(paragraph.points)):
                    self.texts_by_reference[reference].append(len(article_indices))
                    article_indices.append(index)
        self.article_of_text = torch.tensor(article_indices)  # (texts,): index of the article

    def read_questions(self, path: Path) -> list[Question]:
        """The questions in a file, except those that have useful articles but no needed one."""
        article_index = {article.number: i for i, article in enumerate(self.articles)}
        questions = []
        for line in path.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            grades = {article_index[number]: grade for number, grade in fields["articles"].items()}
            references = fields.get("paragraphs", [])
            texts = [text for reference in references for text in self.texts_by_reference.get(reference, [])]
            if not grades or NEEDED_GRADE in grades.values():
                questions.append(Question(fields["question"], grades, texts))
        return questions


class LoraLinear(nn.Module):
    """A linear layer plus the trainable product up @ down (LoRA, Hu et al., arXiv 2106.09685)."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.randn(rank, linear.in_features) / math.sqrt(linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, states: Tensor) -> Tensor:
        output: Tensor = self.linear(states)
        return output + functional.linear(functional.linear(states, self.down), self.up)


class RelevanceModel:
    """The encoder with LoRA, and a class for each article and for "out of scope": a vector and a bias."""

    def __init__(self, encoder_folder: Path, articles: int, rank: int) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(encoder_folder)
        # Dropout would take half of the time on a CPU; leaving out words of the questions replaces it.
        self.encoder = BertModel.from_pretrained(
            encoder_folder,
            add_pooling_layer=False,
            dtype=torch.float32,
            hidden_dropout_prob=0,
            attention_probs_dropout_prob=0,
        )
        self.encoder.requires_grad_(False)
        for name, module in list(self.encoder.encoder.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, child = name.rpartition(".")
                setattr(self.encoder.encoder.get_submodule(parent), child, LoraLinear(module, rank))
        self.lora: dict[str, nn.Parameter] = {
            name: parameter for name, parameter in self.encoder.named_parameters() if parameter.requires_grad
        }
        # The class "out of scope" follows those of the articles.
        self.class_vectors = nn.Parameter(torch.zeros(articles + 1, self.encoder.config.hidden_size))
        self.class_biases = nn.Parameter(torch.zeros(articles + 1))
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))

    def encode_with_gradients(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors, (texts, hidden): the mean of the token states, as in SentenceEncoder."""
        ids = self.tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))  # similar lengths need little padding
        vectors = []
        for start in range(0, len(order), ENCODER_BATCH):
            rows = [ids[i] for i in order[start : start + ENCODER_BATCH]]
            batch = self.tokenizer.pad({"input_ids": rows}, return_tensors="pt")
            states = self.encoder(**batch).last_hidden_state  # (batch, seq, hidden)
            mask = batch["attention_mask"].unsqueeze(-1)  # (batch, seq, 1)
            vectors.append(normalize((states * mask).sum(1) / mask.sum(1), dim=-1))
        return torch.cat(vectors)[torch.tensor(order).argsort()]

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors, (texts, hidden)."""
        return self.encode_with_gradients(texts)

    def text_logits(self, questions: Tensor, texts: Tensor) -> Tensor:
        """(questions, hidden), (texts, hidden) -> (questions, texts)."""
        return self.log_scale.exp() * questions @ texts.T

    def class_logits(self, questions: Tensor) -> Tensor:
        """(questions, hidden) -> (questions, articles + 1); the last column is "out of scope"."""
        return self.log_scale.exp() * questions @ normalize(self.class_vectors, dim=-1).T + self.class_biases

    def load(self, path: Path) -> int:
        """Load a file that `save` wrote with the same rank, except its texts; returns its number of epochs."""
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  # not a dict
            epochs = int(file.metadata()["epochs"])
        with torch.no_grad():
            for name, parameter in self.lora.items():
                parameter.copy_(tensors[name])
            self.class_vectors.copy_(tensors["articles"])
            self.class_biases.copy_(tensors["bias"])
            self.log_scale.copy_(tensors["scale"][0].log())
        return epochs

    def save(self, path: Path, text_vectors: Tensor, metadata: dict[str, str]) -> None:
        """Write the file that TrainedRelevance reads."""
        tensors = {name: parameter.detach().half().contiguous() for name, parameter in self.lora.items()}
        tensors["articles"] = normalize(self.class_vectors.detach(), dim=-1).half()
        tensors["texts"] = text_vectors.half()
        tensors["bias"] = self.class_biases.detach().clone()
        tensors["scale"] = self.log_scale.detach().exp().reshape(1)
        part = path.with_name(path.name + ".part")
        save_file(tensors, part, metadata=metadata)
        part.replace(path)


class Trainer:
    def __init__(self, model: RelevanceModel, corpus: Corpus) -> None:
        self.model = model
        self.corpus = corpus
        self.text_vectors = torch.empty(0)  # (texts, hidden), of corpus.texts; see encode_texts

    def encode_texts(self) -> None:
        """Compute the vectors of all texts again with the encoder as it is now."""
        self.text_vectors = self.model.encode(self.corpus.texts)

    def initialize_classes(self, questions: Sequence[Question]) -> None:
        """Start with mean directions: of an article's texts, and of the out-of-scope questions."""
        out_of_scope = [question.text for question in questions if not question.grades]
        vectors = self.model.class_vectors
        with torch.no_grad():
            for i in range(len(self.corpus.articles)):
                vectors[i] = normalize(self.text_vectors[self.corpus.article_of_text == i].mean(0), dim=0)
            if out_of_scope:
                vectors[-1] = normalize(self.model.encode(out_of_scope).mean(0), dim=0)

    def loss(self, batch: Sequence[Question]) -> Tensor:
        """The weighted cross-entropies of articles by their texts, of classes, and of labelled texts."""
        questions = self.model.encode_with_gradients([drop_words(question.text) for question in batch])
        refreshed = self.choose_texts(batch, questions.detach() @ self.text_vectors.T)
        vectors = self.model.encode_with_gradients([self.corpus.texts[i] for i in refreshed])
        all_vectors = self.text_vectors.index_copy(0, torch.tensor(refreshed), vectors)
        self.text_vectors[refreshed] = vectors.detach()

        class_log_probabilities = self.model.class_logits(questions).log_softmax(1)
        class_loss = -(self.target_distribution(batch) * class_log_probabilities).sum(1).mean()
        article_loss, text_loss = self.text_losses(batch, self.model.text_logits(questions, all_vectors))
        return article_loss + CLASS_LOSS_WEIGHT * class_loss + TEXT_LOSS_WEIGHT * text_loss

    def choose_texts(self, batch: Sequence[Question], similarities: Tensor) -> list[int]:
        """Indices of texts to encode again: for some questions, one text that answers and one hard negative.

        `similarities`: (questions, texts).
        """
        chosen = set()
        article_of_text = self.corpus.article_of_text
        answerable = [i for i, question in enumerate(batch) if question.grades]
        for i in random.sample(answerable, min(REFRESHED_QUESTIONS, len(answerable))):
            question = batch[i]
            article = random.choice(
                [index for index, grade in question.grades.items() if grade == NEEDED_GRADE]
            )
            positives = [text for text in question.answering_texts if article_of_text[text] == article]
            if not positives:
                positives = torch.nonzero(article_of_text == article).flatten().tolist()
            chosen.add(max(positives, key=lambda text: float(similarities[i, text])))
            most_similar = similarities[i].argsort(descending=True).tolist()
            negatives = (text for text in most_similar if int(article_of_text[text]) not in question.grades)
            chosen.add(random.choice(list(islice(negatives, HARD_NEGATIVES))))
        return sorted(chosen)

    def target_distribution(self, batch: Sequence[Question]) -> Tensor:
        """(questions, articles + 1): probabilities by the articles' grades; the last column is "out of scope"."""
        target = torch.zeros(len(batch), len(self.corpus.articles) + 1)
        for row, question in zip(target, batch, strict=True):
            for index, grade in question.grades.items():
                row[index] = 1.0 if grade == NEEDED_GRADE else USEFUL_WEIGHT
            row[-1] = float(not question.grades)
        return target / target.sum(1, keepdim=True)

    def text_losses(self, batch: Sequence[Question], logits: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropies of the articles and of the labelled texts, from (questions, texts) logits."""
        answerable = torch.tensor([bool(question.grades) for question in batch])
        article_log_probabilities = self.article_logits(logits[answerable]).log_softmax(1)
        targets = self.target_distribution(batch)[answerable, :-1]
        article_loss = -(targets * article_log_probabilities).sum(1).mean()

        text_log_probabilities = logits.log_softmax(1)
        of_labelled = [
            self.answer_log_probability(row, question.answering_texts)
            for row, question in zip(text_log_probabilities, batch, strict=True)
            if question.answering_texts
        ]
        text_loss = -torch.stack(of_labelled).mean() if of_labelled else torch.zeros(())
        return article_loss, text_loss

    def article_logits(self, text_logits: Tensor) -> Tensor:
        """(questions, texts) -> (questions, articles): the log-sum-exp over each article's texts."""
        index = self.corpus.article_of_text.expand(len(text_logits), -1)  # (questions, texts)
        empty = text_logits.new_full((len(text_logits), len(self.corpus.articles)), -math.inf)
        highest = empty.scatter_reduce(1, index, text_logits.detach(), "amax")
        shifted = (text_logits - highest.gather(1, index)).exp()
        return highest + torch.zeros_like(empty).scatter_add(1, index, shifted).log()

    def answer_log_probability(self, log_probabilities: Tensor, answering_texts: Sequence[int]) -> Tensor:
        """The mean over articles of the log-probability of any of the article's answering texts.

        `log_probabilities`: (texts,).
        """
        by_article: dict[int, list[int]] = defaultdict(list)
        for text in answering_texts:
            by_article[int(self.corpus.article_of_text[text])].append(text)
        return torch.stack([log_probabilities[texts].logsumexp(0) for texts in by_article.values()]).mean()

    def fit_text_vectors(self, questions: Sequence[Question]) -> None:
        """Fit the vectors of the texts, with a fixed encoder, to the questions that they answer."""
        answerable = [question for question in questions if question.grades]
        question_vectors = self.model.encode([question.text for question in answerable])
        fitted = nn.Parameter(self.text_vectors.clone())
        optimizer = torch.optim.Adam([fitted], lr=TEXT_FITTING_RATE)
        scale = self.model.log_scale.detach().exp()
        for _ in range(TEXT_FITTING_EPOCHS):
            for batch in torch.randperm(len(answerable)).split(TEXT_FITTING_BATCH):  # type: ignore[no-untyped-call]
                noise = QUESTION_NOISE * torch.randn(len(batch), question_vectors.shape[1])
                noisy = normalize(question_vectors[batch] + noise, dim=-1)
                logits = scale * noisy @ normalize(fitted, dim=-1).T
                article_loss, text_loss = self.text_losses([answerable[i] for i in batch.tolist()], logits)
                optimizer.zero_grad()
                (article_loss + text_loss).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self.text_vectors = normalize(fitted.detach(), dim=-1)

    @torch.no_grad()
    def evaluate(self, cases: Sequence[Case]) -> dict[str, float]:
        """Metrics of ranking the articles and of telling which questions are out of scope."""
        questions = self.model.encode([case.question for case in cases])
        classes = self.model.class_logits(questions).log_softmax(1)
        articles = self.article_logits(self.model.text_logits(questions, self.text_vectors)).log_softmax(1)
        rows = []
        for case, scores in zip(cases, articles + classes[:, :-1], strict=True):
            if case.needed:
                ranked = [self.corpus.articles[i].number for i in scores.argsort(descending=True).tolist()]
                rows.append(
                    {
                        "mrr": reciprocal_rank(ranked, case.needed),
                        "recall_at_5": recall_at(ranked, case.needed, 5),
                        "recall_at_10": recall_at(ranked, case.needed, 10),
                        "recall_at_20": recall_at(ranked, case.needed, 20),
                        "ndcg_at_10": ndcg_at(ranked, case.grades, 10),
                    }
                )
        metrics = {name: statistics.fmean(row[name] for row in rows) for name in rows[0]}
        answerable = torch.tensor([case.answerable for case in cases])
        inside, outside = classes[answerable, -1], classes[~answerable, -1]
        metrics["out_of_scope_auc"] = (outside[:, None] > inside).float().mean().item()
        # The share of unanswerable questions refused at the limit that refuses 3 percent of the answerable ones.
        limit = inside.sort(descending=True).values[int(0.03 * len(inside))]
        metrics["refused_at_3_percent"] = (outside > limit).float().mean().item()
        return {name: round(value, 4) for name, value in metrics.items()}


def drop_words(text: str) -> str:
    """`text` without a random WORD_DROPOUT of its words; the whole text if no word would be left."""
    return " ".join(word for word in text.split() if random.random() >= WORD_DROPOUT) or text


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=8, help="with --resume, including the earlier ones")
    parser.add_argument("--batch", type=int, default=64, help="questions per step")
    parser.add_argument("--rank", type=int, default=32, help="rank of the LoRA deltas")
    parser.add_argument(
        "--lr", type=float, default=1e-3, help="learning rate of the LoRA deltas and class vectors"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--train", type=Path, nargs="+", default=TRAINING_FILES, help="files of training questions"
    )
    parser.add_argument("--resume", action="store_true", help="continue the training of the file --out")
    parser.add_argument("--out", type=Path, default=TRAINED)
    return parser.parse_args()


def describe_run(arguments: argparse.Namespace, articles: Sequence[Article]) -> dict[str, str]:
    """Metadata of the file: how it was made, and to which articles its vectors belong."""
    files = [*arguments.train, DEFAULT_EDITION]
    return {
        "command": " ".join(["python", "scripts/train_relevance.py", *sys.argv[1:]]),
        "data": json.dumps({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}),
        "articles": json.dumps([article_digest(article) for article in articles]),
        "texts": json.dumps([len(trained_texts(article)) for article in articles]),
    }


def main() -> None:
    arguments = parse_arguments()
    silence_transformers()
    torch.manual_seed(arguments.seed)
    random.seed(arguments.seed)

    corpus = Corpus(parse_code(read_document(DEFAULT_EDITION).text).articles)
    encoder_folder = fetch_weights(MINILM, load_settings({}).models).folder
    model = RelevanceModel(encoder_folder, len(corpus.articles), arguments.rank)
    trainer = Trainer(model, corpus)
    questions = [question for path in arguments.train for question in corpus.read_questions(path)]
    cases = read_cases(DEVELOPMENT_FILE)
    epochs_done = model.load(arguments.out) if arguments.resume else 0
    trainer.encode_texts()
    if not arguments.resume:
        trainer.initialize_classes(questions)
    print(f"epoch {epochs_done}", trainer.evaluate(cases), flush=True)

    starts = range(0, len(questions) - arguments.batch + 1, arguments.batch)  # of batches in an epoch
    steps_done, all_steps = epochs_done * len(starts), arguments.epochs * len(starts)
    lora = list(model.lora.values())
    optimizer = torch.optim.AdamW(
        [
            {"params": lora, "lr": arguments.lr, "weight_decay": 0.01},
            {"params": [model.class_vectors], "lr": arguments.lr, "weight_decay": 0.0},
            {"params": [model.log_scale, model.class_biases], "lr": 5 * arguments.lr, "weight_decay": 0.0},
        ]
    )
    # The learning rate rises over the first steps of this run, then falls to 2 percent at the end of the last epoch.
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / WARMUP_STEPS, max(0.02, 1 - (step + steps_done) / all_steps)),
    )
    metadata = describe_run(arguments, corpus.articles)
    console = Console(stderr=True)
    for epoch in range(epochs_done + 1, arguments.epochs + 1):
        started = time.monotonic()
        shuffled = random.sample(questions, len(questions))
        losses = []
        for start in track(starts, f"epoch {epoch}", console=console, transient=True):
            loss = trainer.loss(shuffled[start : start + arguments.batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(lora, 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        trainer.encode_texts()
        metrics = trainer.evaluate(cases)
        minutes = (time.monotonic() - started) / 60
        print(f"epoch {epoch}, {minutes:.0f} min, loss {statistics.fmean(losses):.3f}", metrics, flush=True)
        progress = {"epochs": str(epoch), "development": json.dumps(metrics)}
        model.save(arguments.out, trainer.text_vectors, metadata | progress)
    trainer.fit_text_vectors(questions)
    metrics = trainer.evaluate(cases)
    print("text vectors fitted", metrics, flush=True)
    result = {"epochs": str(arguments.epochs), "development": json.dumps(metrics)}
    model.save(arguments.out, trainer.text_vectors, metadata | result)


if __name__ == "__main__":
    main()
