"""One question's report: what was asked, read, selected and answered, with what and how fast; its JSON is a contract.

docs/report.md describes every field; outside tools rely on it.
"""

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from labourqa import __version__
from labourqa.answering.answer import Answer
from labourqa.answering.selection import Selection
from labourqa.config import PROMPTS, Settings
from labourqa.engine.base import ModelInfo
from labourqa.law.citations import Citation
from labourqa.law.references import Reference
from labourqa.law.structure import Article
from labourqa.store.database import Edition


@dataclass(frozen=True)
class Tokens:
    """Tokens by stage, padding not counted."""

    filter: int  # of all article and question prompts that the model read
    answer_prompt: int  # t: 0 unless the answer was written by the model
    answer_generated: int  # g

    @property
    def with_cache(self) -> int:
        """Tokens that went through the model for the answer: each one once, the last not at all."""
        return self.answer_prompt + max(self.answer_generated - 1, 0)

    @property
    def without_cache(self) -> int:
        """What it would be without a KV cache: the whole text again for every token, (t + (g - 1) / 2) * g."""
        t, g = self.answer_prompt, self.answer_generated
        return t * g + g * (g - 1) // 2


@dataclass(frozen=True)
class Seconds:
    """Wall time by stage. `total` is their sum, but for `answer_first_token`, which is part of `answer`."""

    load: float  # models; 0 when they were loaded already
    tokenize: float
    filter: float  # ranking and reading
    answer_first_token: float  # from the start of the answer
    answer: float
    total: float


@dataclass(frozen=True)
class Report:
    question: str  # as asked
    understood: str  # with the question before it, if it follows one up
    run: Mapping[str, Any]  # as of describe_run
    articles: Sequence[Article]
    selection: Selection
    outside: float  # probability that the question is about nothing in the code
    unknown: Sequence[Reference]  # places that the question names and the code does not have
    answer: Answer
    related: Sequence[Citation]  # one step away: what the cited words refer to in articles not selected
    tokens: Tokens
    seconds: Seconds
    peak_memory_bytes: int

    def to_json(self) -> dict[str, Any]:
        """The document of `ask --json`, of each line of `eval --out` and of the log."""
        return {
            "question": self.question,
            "understood": self.understood,
            **self.run,
            "threshold": self.selection.threshold,
            "top": self.selection.top,
            "articles": [
                {
                    "number": article.number,
                    "title": article.title,
                    "score": self.selection.scores[article.number],
                    "selected": article.number in self.selection.selected,
                }
                for article in self.articles
            ],
            "read": self.selection.read,
            "selected": list(self.selection.selected),
            "outside": round(self.outside, 4),
            "unknown": [str(reference) for reference in self.unknown],
            "answer": {
                "kind": self.answer.kind,
                "text": self.answer.text,
                "complete": self.answer.complete,
                "citations": [_describe_citation(citation) for citation in self.answer.citations],
                "statements": [
                    {
                        "text": statement.text,
                        "references": [asdict(reference) for reference in statement.references],
                        "doubts": list(statement.doubts),
                    }
                    for statement in self.answer.statements
                ],
            },
            "related": [_describe_citation(citation) for citation in self.related],
            "tokens": {
                **asdict(self.tokens),
                "with_cache": self.tokens.with_cache,
                "without_cache": self.tokens.without_cache,
            },
            "seconds": {stage: round(value, 4) for stage, value in asdict(self.seconds).items()},
            "peak_memory_bytes": self.peak_memory_bytes,
        }


def describe_run(
    edition: Edition, model: ModelInfo, encoder: str, method: str, settings: Settings
) -> dict[str, Any]:
    """What an answer depends on besides the question: equal runs give equal answers."""
    kind, _, sha256 = model.revision.partition(":")
    return {
        "edition": {
            "code": edition.code,
            "date": edition.date,
            "source": edition.source,
            "sha256": edition.sha256,
        },
        "model": {
            "name": model.name,
            **({"sha256": sha256} if kind == "sha256" else {"revision": model.revision}),
            "dtype": model.dtype,
            "device": model.device,
            "parameters": model.parameters,
        },
        "encoder": encoder,
        "method": method,
        "settings": {
            "answer": settings.answer,
            "threshold": settings.threshold,
            "top": settings.top,
            "shortlist": settings.shortlist,
            "batch_tokens": settings.batch_tokens,
            "batch_articles": settings.batch_articles,
            "cache_bits": settings.cache_bits,
            "answer_tokens": settings.answer_tokens,
        },
        "version": __version__,
        "prompts_sha256": prompts_sha256(),
    }


def _describe_citation(citation: Citation) -> dict[str, Any]:
    return {**asdict(citation.reference), "quote": citation.quote, "supported": citation.supported}


def ranked_numbers(report: Mapping[str, Any]) -> list[str]:
    """Numbers of all articles of a report's JSON, best score first."""
    return [
        article["number"] for article in sorted(report["articles"], key=lambda article: -article["score"])
    ]


def peak_memory_bytes() -> int:
    """The most memory that this process has had resident so far."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")
    # Linux, where getrusage may tell what a parent process had before it started this one.
    if status.exists() and (peak_kib := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(peak_kib[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # others count in KiB


@cache
def prompts_sha256() -> str:
    """One fingerprint of all prompt files: the same prompts, the same answer."""
    digest = hashlib.sha256()
    for path in sorted(PROMPTS.glob("*.txt")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
