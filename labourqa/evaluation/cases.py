"""Cases: labelled questions, one JSON object a line (format: data/README.md)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labourqa.config import DATA
from labourqa.errors import EvaluationError

NEEDED_GRADE = 2


@dataclass(frozen=True)
class PublishedAnswer:
    """What the published method gave for a reference case."""

    selected: int  # number of articles
    answer_articles: Sequence[str]  # numbers named in its answer


@dataclass(frozen=True)
class Case:
    """A question with what is known of its answer."""

    id: str
    question: str
    answerable: bool
    style: str  # everyday, scenario, keywords or formal; "" if unknown
    grades: Mapping[str, int]  # article number -> 2 needed, 1 useful
    facts: Sequence[Sequence[Sequence[str]]]  # of each fact: one string of every inner list occurs
    published: PublishedAnswer | None  # of the published method, for the reference cases

    @property
    def needed(self) -> list[str]:
        return [number for number, grade in self.grades.items() if grade >= NEEDED_GRADE]


def read_cases(path: Path) -> list[Case]:
    """Raises EvaluationError naming the line that cannot be used."""
    cases = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            case = Case(
                id=str(fields.get("id", number)),
                question=str(fields["question"]),
                answerable=bool(fields.get("answerable", True)),
                style=str(fields.get("style", "")),
                grades={str(article): int(grade) for article, grade in fields.get("articles", {}).items()},
                facts=[fact["must_contain"] for fact in fields.get("facts", [])],
                published=_read_published(fields.get("published")),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EvaluationError(
                f'Line {number} of {path} is no question ({error}); a line is {{"question": "...", ...}}.'
            ) from error
        cases.append(case)
    if not cases:
        raise EvaluationError(f"{path} holds no question.")
    if len({case.id for case in cases}) < len(cases):
        raise EvaluationError(f"{path} uses an id twice; give each question its own.")
    return cases


@dataclass(frozen=True)
class PublishedFigures:
    """What the published method took, and with which model and device (data/published-figures.json)."""

    model: str
    device: str
    filter_seconds: Mapping[str, Any]  # by method: a number, or the lowest and the highest
    answer_seconds: tuple[float, float]  # lowest and highest
    notes: Sequence[str]


def published_figures() -> PublishedFigures:
    document = json.loads((DATA / "published-figures.json").read_text(encoding="utf-8"))
    low, high = document.pop("answer_seconds")
    return PublishedFigures(answer_seconds=(low, high), **document)


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file; the last is "" unless it is incomplete. Raises EvaluationError."""
    try:
        return path.read_text(encoding="utf-8").split("\n")  # not splitlines(): a question may contain U+2028
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise EvaluationError(f"{path} cannot be read: {reason}.") from error


def _read_published(fields: Mapping[str, Any] | None) -> PublishedAnswer | None:
    if fields is None:
        return None
    return PublishedAnswer(int(fields["selected"]), list(fields["answer_articles"]))
