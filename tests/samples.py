"""Reports, texts and other values for tests that need one and do not ask a model for it."""

from dataclasses import replace
from typing import Any

from labourqa.answering.answer import Answer
from labourqa.answering.report import LoggedAnswer, Report, Run, RunSettings, Seconds, Tokens
from labourqa.answering.selection import Selection
from labourqa.answering.verification import Statement
from labourqa.engine.base import ModelInfo
from labourqa.law.citations import Citation
from labourqa.law.edition import Edition
from labourqa.law.references import Reference

EDITION = Edition("Labour Code of Nowhere", "2025-01-01", "nowhere.txt", "0" * 64)
RUN = Run(
    edition=EDITION,
    model=ModelInfo("smollm2-135m", "sha256:" + "a" * 64, "float32", "cpu", 134_515_008),
    encoder="minilm-l6-v2 0123456789ab",
    method="article-cache",
    settings=RunSettings(
        answer="auto",
        threshold=None,
        top=None,
        shortlist=12,
        batch_tokens=10_000,
        batch_articles=8,
        cache_bits=16,
        answer_tokens=400,
    ),
    version="0.1.0",
    prompts_sha256="b" * 64,
)


def write_act(name: str, titles: str) -> str:
    """The text of an act with an article for each word of `titles`."""
    articles = [
        f"Article {number}. {title}\n\n1. The rules on {title.lower()} bind every employer and employee.\n"
        for number, title in enumerate(titles.split(), 1)
    ]
    return "\n".join([f"{name}\n", *articles])


# A text of a code of five articles.
NOWHERE = """Labour Code of Nowhere

Article 1. Kinds of Leave

1. Annual leave lasts twenty working days.

2. Special leave is granted for:
1) a wedding;
2) study under Article 2.

Article 2. Study

1. Study leave lasts ten days.

Article 3. Night Work

1. Night work is paid at one and a half times the pay.

Article 4. Overtime

1. Overtime lasts at most four hours a week.

Article 5. Disputes

1. Disputes are heard by a commission within one month.
"""

# A text of two acts, of six and of five articles.
TWO_ACTS = "\n".join(
    [
        write_act("WAGES ACT", "Scope Wages Payment Deductions Records Penalties"),
        write_act("HOLIDAYS ACT", "Scope Leave Dates Carrying-over Pay"),
    ]
)


def make_report(
    question: str = "How is night work paid?",
    text: str = "Night work is paid at one and a half times the pay.",
    *,
    method: str = "article-cache",
    **changes: Any,
) -> Report:
    """A quoted answer from Article 2 of three; `changes` are fields of the report."""
    reference = Reference("2")
    report = Report(
        question=question,
        resolved_question=question,
        run=replace(RUN, method=method),
        titles={"1": "Kinds of Leave", "2": "Night Work", "2^1": "Study"},
        selection=Selection({"1": -3.5, "2": 1.25, "2^1": -4.0}, ("2",), read=3, threshold=-2.0, top=12),
        out_of_scope=0.01,
        unknown=(),
        answer=Answer(
            "quoted",
            text,
            citations=(Citation(reference, text, supported=True),),
            statements=(Statement(text, (reference,), ()),),
        ),
        related=(),
        tokens=Tokens(30, 0, 0),
        seconds=Seconds(0.0, 0.1, 0.2, 0.3, 0.3, 0.6),
        peak_memory_bytes=5_000_000,
    )
    return replace(report, **changes)


def make_refusal(question: str = "How is income taxed?") -> Report:
    """A report of a question that the code does not answer."""
    selection = Selection({"1": -3.5, "2": -3.0, "2^1": -4.0}, (), read=3, threshold=-2.0, top=12)
    return make_report(
        question,
        selection=selection,
        out_of_scope=0.9,
        answer=Answer("refused", "Nothing in the code answers this.", outcome="outside"),
    )


def make_logged_answer(
    text: str = "Night work is paid at one and a half times.", **changes: Any
) -> LoggedAnswer:
    return LoggedAnswer(make_report(text=text, **changes), "2026-11-21T10:00:00+00:00", id=1)
