"""The report of one question: what was asked, read, selected and answered, with which models, and how fast.

Its JSON is a contract with outside tools; docs/report.md describes every field.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from labourqa import __version__
from labourqa.answering.answer import Answer
from labourqa.answering.conversation import Turn
from labourqa.answering.selection import Selection
from labourqa.answering.verification import Statement
from labourqa.config import Settings, prompts_sha256
from labourqa.engine.base import ModelInfo
from labourqa.law.citations import Citation
from labourqa.law.edition import Edition
from labourqa.law.references import Reference, parse_reference


@dataclass(frozen=True)
class Tokens:
    """Tokens by stage, padding not counted."""

    filter: int  # of all article and question prompts that the model read
    answer_prompt: int  # t: 0 unless the model wrote the answer
    answer_generated: int  # g

    @property
    def with_cache(self) -> int:
        """Tokens that went through the model for the answer: each one once, except the last."""
        return self.answer_prompt + max(self.answer_generated - 1, 0)

    @property
    def without_cache(self) -> int:
        """The same without a KV cache, where every new token reads the whole text again: (t + (g - 1) / 2) * g."""
        t, g = self.answer_prompt, self.answer_generated
        return t * g + g * (g - 1) // 2


@dataclass(frozen=True)
class Seconds:
    """Wall time by stage. `total` is the sum of the others without `answer_first_token`, which is part of `answer`."""

    load: float  # models; 0 when they were loaded already
    tokenize: float
    filter: float  # ranking and reading
    answer_first_token: float  # from the start of the answer
    answer: float
    total: float


@dataclass(frozen=True)
class RunSettings:
    """The settings that an answer depends on; None means: decided by the program."""

    answer: str
    threshold: float | None
    top: int | None
    shortlist: int
    batch_tokens: int
    batch_articles: int
    cache_bits: int
    answer_tokens: int
    read_seconds: float = Settings.read_seconds  # since 0.2


@dataclass(frozen=True)
class Run:
    """Everything that an answer depends on besides the question: equal runs give equal answers."""

    edition: Edition
    model: ModelInfo
    encoder: str
    method: str
    settings: RunSettings
    version: str
    prompts_sha256: str

    def to_json(self) -> dict[str, Any]:
        model = self.model
        kind, _, sha256 = model.revision.partition(":")
        return {
            "edition": asdict(self.edition),
            "model": {
                "name": model.name,
                **({"sha256": sha256} if kind == "sha256" else {"revision": model.revision}),
                "dtype": model.dtype,
                "device": model.server_url or model.device,
                "parameters": model.parameters,
            },
            "encoder": self.encoder,
            "method": self.method,
            "settings": asdict(self.settings),
            "version": self.version,
            "prompts_sha256": self.prompts_sha256,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Run":
        model = document["model"]
        server_url = model["device"] if model["device"].startswith(("http://", "https://")) else ""
        return cls(
            edition=Edition(**document["edition"]),
            model=ModelInfo(
                name=model["name"],
                revision=f"sha256:{model['sha256']}" if "sha256" in model else model["revision"],
                dtype=model["dtype"],
                device="server" if server_url else model["device"],
                parameters=model["parameters"],
                server_url=server_url,
            ),
            encoder=document["encoder"],
            method=document["method"],
            settings=RunSettings(**document["settings"]),
            version=document["version"],
            prompts_sha256=document["prompts_sha256"],
        )


@dataclass(frozen=True)
class Report:
    question: str  # as asked
    resolved_question: str  # as answered: a follow-up is appended to the question before it
    run: Run
    titles: Mapping[str, str]  # of every article of the code by number, in the code's order
    selection: Selection
    out_of_scope: float  # probability that the code does not cover the question
    unknown: tuple[Reference, ...]  # named in the question, but not in the code
    answer: Answer
    related: tuple[Citation, ...]  # passages that the cited text refers to, in articles that are not selected
    tokens: Tokens
    seconds: Seconds
    peak_memory_bytes: int
    repealed: tuple[Reference, ...] = ()  # named in the question, and repealed
    notices: tuple[
        str, ...
    ] = ()  # sentences beside the answer: see notices.py, and how a long question was read

    @property
    def turn(self) -> Turn | None:
        """What a follow-up question needs to know of this one; None if it asked nothing."""
        if self.answer.outcome == "small_talk":
            return None
        return Turn(self.resolved_question, self.selection.selected)

    @property
    def reading_limit(self) -> str:
        """A sentence about a code that was too large to be read whole in the time; "" for others."""
        read, articles = self.selection.read, len(self.titles)
        if not read or not self.selection.unread or self.run.method == "shortlist":
            return ""
        return (
            f"{read:,} of {articles:,} articles read, the best ones by their words and meaning; "
            "more time (--read-seconds) reads more."
        )

    def page_of(self, reference: Reference) -> int:
        """The page of the document on which a cited paragraph begins; 0 where it is unknown."""
        cited = (*self.answer.citations, *self.answer.short, *self.related)
        return next((one.page for one in cited if one.reference == reference), 0)

    @property
    def ranked_numbers(self) -> list[str]:
        """Numbers of all articles, best score first."""
        scores = self.selection.scores
        return sorted(scores, key=lambda number: -scores[number])

    @property
    def cited_numbers(self) -> list[str]:
        """Numbers of the articles that the answer rests on, in its order."""
        return list(dict.fromkeys(one.reference.article for one in self.answer.citations if one.supported))

    def to_json(self) -> dict[str, Any]:
        """The document of `ask --json`, of each line of `eval --out`, and of the log."""
        selection, answer = self.selection, self.answer
        return {
            "question": self.question,
            "understood": self.resolved_question,
            **self.run.to_json(),
            "threshold": selection.threshold,
            "top": selection.top,
            "articles": [
                {
                    "number": number,
                    "title": title,
                    "score": selection.scores[number],
                    "selected": number in selection.selected,
                }
                for number, title in self.titles.items()
            ],
            "read": selection.read,
            "unread": [number for number in self.titles if number in selection.unread],
            "selected": list(selection.selected),
            "outside": round(self.out_of_scope, 4),
            "unknown": [str(reference) for reference in self.unknown],
            "repealed": [str(reference) for reference in self.repealed],
            "outcome": answer.outcome,
            "notices": list(self.notices),
            "answer": {
                "kind": answer.kind,
                "text": answer.text,
                "complete": answer.complete,
                "short": [_citation_to_json(citation) for citation in answer.short],
                "conditions": [_citation_to_json(citation) for citation in answer.conditions],
                "citations": [_citation_to_json(citation) for citation in answer.citations],
                "statements": [
                    {
                        "text": statement.text,
                        "references": [asdict(reference) for reference in statement.references],
                        "doubts": list(statement.doubts),
                        "omitted": [asdict(reference) for reference in statement.omitted],
                    }
                    for statement in answer.statements
                ],
            },
            "related": [_citation_to_json(citation) for citation in self.related],
            "tokens": {
                **asdict(self.tokens),
                "with_cache": self.tokens.with_cache,
                "without_cache": self.tokens.without_cache,
            },
            "seconds": {stage: round(value, 4) for stage, value in asdict(self.seconds).items()},
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Report":
        """A report as of `to_json`. Raises KeyError, TypeError, ValueError or LabourQAError for any other document."""
        articles, answer, tokens = document["articles"], document["answer"], document["tokens"]
        return cls(
            question=document["question"],
            resolved_question=document["understood"],
            run=Run.from_json(document),
            titles={article["number"]: article["title"] for article in articles},
            selection=Selection(
                scores={article["number"]: article["score"] for article in articles},
                selected=tuple(document["selected"]),
                read=document["read"],
                threshold=document["threshold"],
                top=document["top"],
                unread=frozenset(document.get("unread", [])),  # since 0.2
            ),
            out_of_scope=document["outside"],
            unknown=tuple(parse_reference(text) for text in document["unknown"]),
            repealed=tuple(parse_reference(text) for text in document.get("repealed", [])),  # since 0.2
            answer=Answer(
                kind=answer["kind"],
                text=answer["text"],
                citations=tuple(_citation_from_json(citation) for citation in answer["citations"]),
                statements=tuple(
                    Statement(
                        statement["text"],
                        tuple(Reference(**reference) for reference in statement["references"]),
                        tuple(statement["doubts"]),
                        tuple(
                            Reference(**reference) for reference in statement.get("omitted", [])
                        ),  # since 0.3
                    )
                    for statement in answer["statements"]
                ),
                complete=answer["complete"],
                short=tuple(
                    _citation_from_json(citation) for citation in answer.get("short", [])
                ),  # since 0.3
                conditions=tuple(
                    _citation_from_json(citation) for citation in answer.get("conditions", [])
                ),  # since 0.3
                outcome=document.get(
                    "outcome", "outside" if answer["kind"] == "refused" else "answered"
                ),  # since 0.3
            ),
            notices=tuple(document.get("notices", [])),  # since 0.3
            related=tuple(_citation_from_json(citation) for citation in document["related"]),
            tokens=Tokens(tokens["filter"], tokens["answer_prompt"], tokens["answer_generated"]),
            seconds=Seconds(**document["seconds"]),
            peak_memory_bytes=document["peak_memory_bytes"],
        )


@dataclass(frozen=True)
class LoggedAnswer:
    """An answer of a conversation, and what the reader said about it."""

    report: Report
    asked_at: str  # ISO time, UTC
    id: int | None = None  # in the database; None if it is not logged
    helpful: bool | None = None
    reason: str = ""
    right_articles: str = (
        ""  # those that would have answered the question: "144(4), 117"; "none": no article does
    )


def describe_run(edition: Edition, model: ModelInfo, encoder: str, method: str, settings: Settings) -> Run:
    return Run(
        edition=edition,
        model=model,
        encoder=encoder,
        method=method,
        settings=RunSettings(
            answer=settings.answer,
            threshold=settings.threshold,
            top=settings.top,
            shortlist=settings.shortlist,
            batch_tokens=settings.batch_tokens,
            batch_articles=settings.batch_articles,
            cache_bits=settings.cache_bits,
            answer_tokens=settings.answer_tokens,
            read_seconds=settings.read_seconds,
        ),
        version=__version__,
        prompts_sha256=prompts_sha256(),
    )


def _citation_to_json(citation: Citation) -> dict[str, Any]:
    return {
        **asdict(citation.reference),
        "quote": citation.quote,
        "supported": citation.supported,
        "page": citation.page or None,
    }


def _citation_from_json(document: Mapping[str, Any]) -> Citation:
    reference = Reference(document["article"], document["paragraph"], document["point"])
    return Citation(
        reference, document["quote"], document["supported"], document.get("page") or 0
    )  # page: since 0.3
