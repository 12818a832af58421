"""Fit `data/closest.json`: from which limits on a refused question comes near to the law.

    python scripts/fit_closest.py FOLDER       # FOLDER has the laws' documents, named as in data/other-laws

A refused question is answered by "No clear answer. Closest: ..." if a text of the law is similar to it and its best
article probable enough. The limit of the similarity is reached by NEAR_SHARE of the training questions that the law
answers; the limit of the probability is the lowest with which at most FAR_SHARE of the questions on nothing of the kind
(data/questions-written.jsonl: `far`, `chat`, `attack`) are refused and come near. Both are fitted for the embedded
edition and for foreign laws, and measured on the development and test questions, with the encoder alone.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from labourqa.answering.closest import LIMITS, NearLimits
from labourqa.answering.selection import OUT_OF_SCOPE_LOG_PROBABILITY
from labourqa.config import DATA, DEFAULT_EDITION, load_settings
from labourqa.documents.document import read_document
from labourqa.law.parser import parse_code
from labourqa.law.structure import Article
from labourqa.models.catalogue import MINILM
from labourqa.models.encoder import SentenceEncoder
from labourqa.models.relevance import Relevance, TrainedRelevance
from labourqa.models.weights import fetch_weights

NEAR_SHARE = 0.99
# Of the embedded edition fewer: with 0.05, a question on income tax came near to the deductions from pay.
FAR_SHARE = {"trained": 0.03, "other": 0.05}
FAR_KINDS = ("far", "chat", "attack")


class Scorer:
    """Scores questions about one law with the encoder."""

    def __init__(self, document: Path, relevance: TrainedRelevance, encoder: SentenceEncoder) -> None:
        read = read_document(document)
        code = read.code or parse_code(read.text)
        self._articles: tuple[Article, ...] = tuple(one for one in code.articles if not one.repealed)
        self._relevance = relevance
        self._encode = partial(encoder.encode_tokens, delta_share=relevance.delta_share(self._articles))
        self.trained = relevance.has_trained_classes(self._articles)
        if self.trained:
            encode = partial(encoder.encode, delta_share=relevance.delta_share(self._articles))
            self._embeddings, self._tokens = relevance.embed(self._articles, encode), None
        else:
            self._embeddings, self._tokens = relevance.embed_tokens(
                self._articles, partial(self._encode, project=relevance.interaction.project_text)
            )

    def score(self, questions: Sequence[str]) -> list[Relevance]:
        vectors, states = self._encode(questions, np.asarray)
        return [
            self._relevance.score(
                self._articles,
                self._embeddings,
                question,
                vector,
                self._relevance.interaction.score(of_tokens, self._tokens) if self._tokens else None,
            )
            for question, vector, of_tokens in zip(questions, vectors, states, strict=True)
        ]


def fit(answerable: Sequence[Relevance], far: Sequence[Relevance], far_share: float) -> NearLimits:
    """The limits from training questions that a law answers, and from those on nothing of the kind."""
    similarity = float(np.quantile([one.similarity for one in answerable], 1 - NEAR_SHARE))
    near = sorted(
        (_best(one) for one in far if _is_refused(one) and one.similarity >= similarity), reverse=True
    )
    allowed = int(far_share * len(far))
    log_probability = near[allowed] if len(near) > allowed else near[-1]
    return NearLimits(round(log_probability + 0.005, 2), round(similarity, 3))


def measure(limits: NearLimits, relevances: Sequence[Relevance]) -> dict[str, float]:
    """The shares of questions that are answered, closest and outside."""
    refused = [one for one in relevances if _is_refused(one)]
    closest = sum(limits.reached_by(one) for one in refused) / len(relevances)
    answered = 1 - len(refused) / len(relevances)
    return {
        "questions": len(relevances),
        "answered": round(answered, 3),
        "closest": round(closest, 3),
        "outside": round(abs(1 - answered - closest), 3),
    }


def _is_refused(relevance: Relevance) -> bool:
    return relevance.out_of_scope > OUT_OF_SCOPE_LOG_PROBABILITY


def _best(relevance: Relevance) -> float:
    return max(relevance.articles.values())


def _read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _ask(scorer: Scorer, fields: Sequence[dict[str, object]]) -> list[Relevance]:
    return scorer.score([str(one["question"]) for one in fields])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=LIMITS)
    arguments = parser.parse_args()
    relevance = TrainedRelevance()
    encoder = SentenceEncoder(fetch_weights(MINILM, load_settings({}).models), relevance)
    written = _read(DATA / "questions-written.jsonl")
    far = [fields for fields in written if fields.get("kind") in FAR_KINDS]
    files = {"embedded edition": (DEFAULT_EDITION, DATA / "questions-dev.jsonl")}
    for path in sorted((DATA / "other-laws").glob("*.jsonl")):
        files[path.stem] = (next(arguments.folder.glob(f"{path.stem}.*")), path)
    fitted_on: dict[str, list[tuple[list[Relevance], list[Relevance]]]] = {"trained": [], "other": []}
    scored: dict[str, tuple[str, dict[str, list[Relevance]]]] = {}
    for name, (document, questions) in files.items():
        scorer = Scorer(document, relevance, encoder)
        kind = "trained" if scorer.trained else "other"
        fields = _read(questions)
        test = [one for one in fields if one.get("split", "test") == "test"]
        scored[name] = (
            kind,
            {
                "answerable": _ask(scorer, [one for one in test if one.get("answerable", True)]),
                "unanswerable": _ask(scorer, [one for one in test if not one.get("answerable", True)]),
                "far": _ask(scorer, far),
            },
        )
        if document == DEFAULT_EDITION:
            fields = _read(DATA / "questions-train.jsonl")
        elif scorer.trained:
            continue  # another version of the embedded edition's law has its limits
        training = [
            one for one in fields if one.get("split", "train") == "train" and one.get("answerable", True)
        ]
        fitted_on[kind].append((_ask(scorer, training), scored[name][1]["far"]))
    limits = {
        kind: fit(
            [one for law in laws for one in law[0]],
            [one for law in laws for one in law[1]],
            FAR_SHARE[kind],
        )
        for kind, laws in fitted_on.items()
    }
    measured = {
        name: {what: measure(limits[kind], some) for what, some in groups.items() if some}
        for name, (kind, groups) in scored.items()
    }
    foreign = [name for name, (kind, _) in scored.items() if kind == "other"]
    for what in ("answerable", "unanswerable", "far"):
        rows = [measured[name][what] for name in foreign if what in measured[name]]
        means = {
            key: round(statistics.fmean(row[key] for row in rows), 3)
            for key in ("answered", "closest", "outside")
        }
        print("foreign laws, mean:", what, means)
    print(json.dumps(measured, indent=2))
    fitted = {
        "command": "python scripts/fit_closest.py FOLDER",
        "limits": {kind: asdict(one) for kind, one in limits.items()},
    }
    arguments.out.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
