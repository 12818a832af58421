"""Fit `data/short-answer.json`: the weights by which the sentences of the short answer are chosen.

    python scripts/fit_short_answer.py FOLDER       # FOLDER has the laws' documents, named as in data/other-laws

A logistic regression tells whether a sentence of the quoted paragraphs states a labelled fact. It is fitted on the
training questions in data/other-laws and measured on the others and on the development questions of the embedded
edition. The articles are selected by the encoder alone, without the language model.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labourqa.answering.answer import quote_answer
from labourqa.answering.selection import select_articles
from labourqa.answering.short_answer import (
    WEIGHTS,
    Candidate,
    choose_candidates,
    describe_candidates,
    find_candidates,
)
from labourqa.config import DATA, DEFAULT_EDITION, load_settings
from labourqa.documents.document import read_document
from labourqa.evaluation.cases import Case, read_cases
from labourqa.evaluation.metrics import fact_stated
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.models.catalogue import MINILM
from labourqa.models.encoder import SentenceEncoder
from labourqa.models.relevance import Relevance, TrainedRelevance
from labourqa.models.weights import fetch_weights

READ_ARTICLES = 25  # that can be selected
REGULARIZATION = 3.0  # of the squared weights of the standardized features
NEWTON_STEPS = 15

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class Example:
    """A question with the candidates of its short answer."""

    training: bool
    facts: int
    candidates: Sequence[Candidate]
    features: NDArray[np.float64]  # (candidates, features)
    states: NDArray[np.bool_]  # (candidates, facts): whether a candidate states a fact


def make_example(
    case: Case, articles: Sequence[Article], relevance: Relevance, vector: NDArray[np.float32], encode: Encode,
    *, training: bool,
) -> Example | None:  # fmt: skip
    """None if no article is selected."""
    best = sorted(relevance.articles, key=lambda number: -relevance.articles[number])[:READ_ARTICLES]
    selection = select_articles(dict.fromkeys(best, 0.0), relevance, scoring="query_likelihood")
    by_number = {article.number: article for article in articles}
    selected = [by_number[number] for number in selection.selected]
    if not selected:
        return None
    answer = quote_answer(selected, selection.scores, relevance.paragraphs)
    candidates = find_candidates(answer.citations, selected)
    if not candidates:
        return None
    similarities = encode([candidate.text for candidate in candidates]) @ vector
    features = describe_candidates(
        candidates, selected, relevance.paragraphs, selection.scores, case.question, similarities
    )
    states = [[fact_stated(candidate.text, fact) for fact in case.facts] for candidate in candidates]
    return Example(training, len(case.facts), candidates, features, np.array(states))


def fit(examples: Sequence[Example]) -> NDArray[np.float64]:
    """Newton's method on standardized features; the weights are for the features as they are."""
    x = np.concatenate([example.features for example in examples])
    y = np.concatenate([example.states.any(1) for example in examples]).astype(float)
    mean, deviation = x.mean(0), x.std(0)
    mean[-1], deviation[-1] = 0, 1  # the constant
    x = (x - mean) / deviation
    penalty = np.eye(x.shape[1]) * REGULARIZATION
    weights = np.zeros(x.shape[1])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-x @ weights))
        curvature = (x * (p * (1 - p))[:, None]).T @ x + penalty
        weights -= np.linalg.solve(curvature, x.T @ (p - y) + penalty @ weights)
    fitted: NDArray[np.float64] = weights / deviation
    fitted[-1] -= float((weights[:-1] * mean[:-1] / deviation[:-1]).sum())
    return fitted


def measure(weights: NDArray[np.float64], examples: Sequence[Example]) -> int:
    """The number of facts that the short answers state."""
    stated = 0
    for example in examples:
        chosen = choose_candidates(example.candidates, 1 / (1 + np.exp(-example.features @ weights)))
        stated += int(example.states[chosen].any(0).sum())
    return stated


def write_weights(weights: NDArray[np.float64], measured: dict[str, float], path: Path) -> None:
    document = {
        "command": "python scripts/fit_short_answer.py FOLDER",
        "facts_stated": measured,
        "weights": [round(weight, 5) for weight in weights.tolist()],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    scorer = TrainedRelevance()
    encoder = SentenceEncoder(fetch_weights(MINILM, load_settings({}).models), scorer)
    laws = {"embedded edition": (DEFAULT_EDITION, DATA / "questions-dev.jsonl")}
    for path in sorted((DATA / "other-laws").glob("*.jsonl")):
        laws[path.stem] = (next(arguments.folder.glob(f"{path.stem}.*")), path)
    examples: dict[str, list[Example]] = {}
    held_back: dict[str, int] = {}  # facts of the questions to measure on
    for name, (document_path, questions) in laws.items():
        document = read_document(document_path)
        code = document.code or parse_code(document.text)
        articles = tuple(article for article in code.articles if not article.repealed)
        encode = partial(encoder.encode, delta_share=scorer.delta_share(articles))
        embeddings = scorer.embed(articles, encode)
        examples[name] = []
        held_back[name] = 0
        splits = [json.loads(line).get("split") for line in questions.read_text("utf-8").splitlines()]
        for case, split in zip(read_cases(questions), splits, strict=True):
            if not case.facts:
                continue
            [vector] = encode([case.question])
            relevance = scorer.score(articles, embeddings, case.question, vector)
            training = split == "train"
            held_back[name] += 0 if training else len(case.facts)
            if example := make_example(case, articles, relevance, vector, encode, training=training):
                examples[name].append(example)
    weights = fit([one for of_law in examples.values() for one in of_law if one.training])
    measured = {
        name: round(measure(weights, [one for one in of_law if not one.training]) / held_back[name], 3)
        for name, of_law in examples.items()
    }
    print(json.dumps(measured, indent=2))
    write_weights(weights, measured, arguments.out)


if __name__ == "__main__":
    main()
