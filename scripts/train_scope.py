"""Fit `data/scope.safetensors`, which tells the questions that a law without trained vectors does not answer.

    python scripts/train_scope.py FOLDER --out data/scope.safetensors    # 3 minutes on 2 CPU cores

FOLDER has the laws' documents, under the names of the question files in data/other-laws. It is a logistic regression
on the question's vector and the similarity of the most similar text of the law. Unanswerable are the labelled
questions of each law, questions on nothing of the kind (data/questions-written.jsonl: `far`, `chat`, `attack`), and the
questions on another law of the same country with another subject.

The limit of a regression, below which it refuses, comes from the laws that it is fitted on: each is left out in turn,
and at the limit 5 percent of the answerable questions are refused, averaged over these laws. For each country, a
regression and its limit from the other countries are measured. The shipped regression is fitted on the training
questions of all laws; its limit is its zero. The ranking of the articles is measured as well.
"""

import argparse
import hashlib
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from labourqa.config import DATA, load_settings
from labourqa.documents.document import read_document
from labourqa.evaluation.cases import Case, read_cases
from labourqa.evaluation.metrics import recall_at, reciprocal_rank
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.models.catalogue import MINILM
from labourqa.models.encoder import SentenceEncoder
from labourqa.models.interaction import InteractionScores
from labourqa.models.relevance import OTHER_LAWS_DELTA_SHARE, SCOPE, TrainedRelevance
from labourqa.models.weights import fetch_weights

QUESTIONS = DATA / "other-laws"
WRITTEN = DATA / "questions-written.jsonl"
# Parts of the names of laws of which neither answers the questions on the other.
DIFFERENT_SUBJECTS = (
    ("social-security", "industrial-relations"),
    ("social-security", "industrial-disputes"),
    ("employment-insurance", "industrial-relations"),
    ("occupational-safety", "industrial-relations"),
    ("occupational-safety", "industrial-disputes"),
    ("wages", "industrial-relations"),
    ("wages", "occupational-safety"),
)
UNANSWERABLE_WEIGHT = 3.0  # of a law's own unanswerable questions, beside an answerable one
OTHER_WEIGHT = 0.3  # of all other unanswerable questions
REGULARIZATION = 1e-4  # of the squared weights of the question's vector
NEWTON_STEPS = 30
WRONGLY_REFUSED = 0.05  # of the answerable questions on laws that a regression was not fitted on


@dataclass(frozen=True)
class Law:
    name: str
    cases: tuple[Case, ...]
    training: NDArray[np.bool_]  # (cases,): not held back for the tests
    similarities: NDArray[np.float64]  # (cases,): of the most similar text
    vectors: NDArray[np.float32]  # (cases, dimensions)
    others: tuple[
        NDArray[np.float32], NDArray[np.float64]
    ]  # the same of questions that the law does not answer

    @property
    def country(self) -> str:
        return next((one for one in ("india", "malaysia") if one in self.name), "lithuania")

    @property
    def answerable(self) -> NDArray[np.bool_]:
        return np.array([case.answerable for case in self.cases])


@dataclass(frozen=True)
class Regression:
    """The logit that a law answers a question."""

    question: NDArray[np.float64]  # (dimensions,)
    similarity: float
    bias: float

    def predict(self, vectors: NDArray[np.float32], similarities: NDArray[np.float64]) -> NDArray[np.float64]:
        logits: NDArray[np.float64] = vectors @ self.question + self.similarity * similarities + self.bias
        return logits


def fit(laws: Sequence[Law], *, held_back_too: bool = False) -> Regression:
    """Fit by Newton's method, to the training questions unless `held_back_too`; each law has the same weight."""
    rows, targets, weights = [], [], []
    for law in laws:
        chosen = law.training | held_back_too
        own = np.column_stack([law.vectors, law.similarities, np.ones(len(law.cases))])[chosen]
        answerable = law.answerable[chosen]
        other = np.column_stack([*law.others, np.ones(len(law.others[1]))])
        law_weights = np.concatenate(
            [np.where(answerable, 1.0, UNANSWERABLE_WEIGHT), np.full(len(other), OTHER_WEIGHT)]
        )
        rows += [own, other]
        targets += [answerable.astype(float), np.zeros(len(other))]
        weights.append(law_weights / law_weights.sum() / len(laws))
    x, y, w = np.concatenate(rows), np.concatenate(targets), np.concatenate(weights)
    penalty = np.full(x.shape[1], 2 * REGULARIZATION)
    penalty[-2:] = 1e-9
    theta = np.zeros(x.shape[1])
    for _ in range(NEWTON_STEPS):
        probabilities = 1 / (1 + np.exp(-x @ theta))
        gradient = x.T @ (w * (probabilities - y)) + penalty * theta
        curvature = (x * (w * probabilities * (1 - probabilities))[:, None]).T @ x + np.diag(penalty)
        theta -= np.linalg.solve(curvature, gradient)
    return Regression(theta[:-2], float(theta[-2]), float(theta[-1]))


def read_laws(folder: Path) -> list[Law]:
    """The laws with the vectors of their questions, computed as the program computes them."""
    relevance = TrainedRelevance()
    encoder = SentenceEncoder(fetch_weights(MINILM, load_settings({}).models), relevance)
    files = {path.stem: path for path in sorted(QUESTIONS.glob("*.jsonl"))}
    cases = {name: read_cases(path) for name, path in files.items()}
    written = [json.loads(line) for line in WRITTEN.read_text(encoding="utf-8").splitlines()]
    far = [fields["question"] for fields in written if fields.get("kind") in ("far", "chat", "attack")]
    laws = []
    for name, path in files.items():
        document = read_document(next(folder.glob(f"{name}.*")))
        articles = [
            article
            for article in (document.code or parse_code(document.text)).articles
            if not article.repealed
        ]
        encode = partial(encoder.encode, delta_share=OTHER_LAWS_DELTA_SHARE)
        encode_tokens = partial(encoder.encode_tokens, delta_share=OTHER_LAWS_DELTA_SHARE)
        vectors, states = encode_tokens([case.question for case in cases[name]], np.asarray)
        if relevance.has_trained_classes(articles):
            embeddings = relevance.embed(articles, encode)
        else:
            project = relevance.interaction.project_text
            embeddings, tokens = relevance.embed_tokens(articles, partial(encode_tokens, project=project))
            interaction = [relevance.interaction.score(one, tokens) for one in states]
            metrics = measure_ranking(relevance, articles, embeddings, cases[name], vectors, interaction)
            print(name, metrics, flush=True)
        other = encode([*far, *_questions_on_other_subjects(name, cases)])
        laws.append(
            Law(
                name,
                tuple(cases[name]),
                np.array(
                    [json.loads(line)["split"] == "train" for line in path.read_text("utf-8").splitlines()]
                ),
                (vectors @ embeddings.T).max(1).astype(float),
                vectors,
                (other, (other @ embeddings.T).max(1).astype(float)),
            )
        )
    return laws


def measure_ranking(
    relevance: TrainedRelevance,
    articles: Sequence[Article],
    embeddings: NDArray[np.float32],
    cases: Sequence[Case],
    vectors: NDArray[np.float32],
    interaction: Sequence[InteractionScores],
) -> dict[str, float]:
    """Metrics of ranking a law's articles for its answerable questions."""
    rows = []
    for case, vector, of_tokens in zip(cases, vectors, interaction, strict=True):
        if case.needed:
            scores = relevance.score(articles, embeddings, case.question, vector, of_tokens).articles
            ranked = sorted(scores, key=lambda number: -scores[number])
            recalls = {f"recall_at_{k}": recall_at(ranked, case.needed, k) for k in (5, 10)}
            rows.append({"mrr": reciprocal_rank(ranked, case.needed), **recalls})
    return {name: round(statistics.fmean(row[name] for row in rows), 3) for name in rows[0]}


def _questions_on_other_subjects(name: str, cases: dict[str, list[Case]]) -> list[str]:
    country = name.rpartition("-")[2]
    return [
        case.question
        for other, other_cases in cases.items()
        if other.rpartition("-")[2] == country
        and any((a in name and b in other) or (b in name and a in other) for a, b in DIFFERENT_SUBJECTS)
        for case in other_cases
        if case.answerable
    ]


def choose_limit(laws: Sequence[Law]) -> float:
    """The logit below which WRONGLY_REFUSED of the answerable questions lie, by regressions without their law."""
    logits = []
    for law in laws:
        regression = fit([other for other in laws if other is not law], held_back_too=True)
        logits.append(regression.predict(law.vectors, law.similarities)[law.answerable])
    limits: list[float] = np.linspace(-8, 8, 1601).tolist()
    return max(
        limit
        for limit in limits
        if statistics.fmean(float(np.mean(of_law < limit)) for of_law in logits) <= WRONGLY_REFUSED
    )


def measure_by_country(laws: Sequence[Law]) -> None:
    """Print what a regression and a limit from the other countries refuse."""
    shares = []
    for country in sorted({law.country for law in laws}):
        others = [law for law in laws if law.country != country]
        regression, limit = fit(others, held_back_too=True), choose_limit(others)
        for law in laws:
            if law.country == country:
                refused = regression.predict(law.vectors, law.similarities) < limit
                rightly, wrongly = refused[~law.answerable].mean(), refused[law.answerable].mean()
                shares.append((rightly, wrongly))
                print(f"{law.name}: refused rightly {rightly:.2f}, wrongly {wrongly:.3f}", flush=True)
    print("mean", np.mean(shares, axis=0).round(3).tolist(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the laws' documents")
    parser.add_argument("--out", type=Path, default=SCOPE)
    arguments = parser.parse_args()
    laws = read_laws(arguments.folder)
    measure_by_country(laws)
    regression, limit = fit(laws), choose_limit(laws)
    save_file(
        {
            "question": regression.question.astype(np.float32),
            "similarity": np.array([regression.similarity], dtype=np.float32),
            "bias": np.array([regression.bias - limit], dtype=np.float32),
        },
        arguments.out,
        metadata={
            "command": "python scripts/train_scope.py FOLDER",
            "data": json.dumps(
                {
                    path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                    for path in [WRITTEN, *sorted(QUESTIONS.glob("*.jsonl"))]
                }
            ),
        },
    )


if __name__ == "__main__":
    main()
