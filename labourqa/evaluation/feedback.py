"""What readers said about answers -> labelled questions, in the format of data/README.md."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from labourqa.answering.report import LoggedAnswer
from labourqa.errors import UnknownArticleError
from labourqa.evaluation.cases import NEEDED_GRADE
from labourqa.law.references import Reference, parse_reference

NONE = "none"  # what a reader types where no article answers the question
ID_PREFIX = "feedback-"  # of these questions among others


def parse_right_articles(typed: str) -> tuple[Reference, ...] | None:
    """The references in "144(4), 117"; () for "none", and None for "". Raises UnknownArticleError."""
    typed = typed.strip()
    if not typed:
        return None
    if typed.casefold() == NONE:
        return ()
    return tuple(parse_reference(one.strip()) for one in typed.replace(";", ",").split(",") if one.strip())


def label_questions(answers: Sequence[LoggedAnswer]) -> list[dict[str, Any]]:
    """A labelled question for each answer that did not help and whose right articles the reader named."""
    return list(_label(answers))


def write_questions(answers: Sequence[LoggedAnswer]) -> str:
    """The labelled questions as a file, one JSON object a line."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in label_questions(answers))


def _label(answers: Sequence[LoggedAnswer]) -> Iterator[dict[str, Any]]:
    for answer in answers:
        if answer.helpful is not False:
            continue
        try:
            right = parse_right_articles(answer.right_articles)
        except UnknownArticleError:  # typed before references were checked
            continue
        if right is None:
            continue
        yield {
            "id": f"{ID_PREFIX}{answer.id}",
            "question": answer.report.resolved_question,
            "answerable": bool(right),
            "articles": {reference.article: NEEDED_GRADE for reference in right},
            "paragraphs": [str(one).removeprefix("Art. ") for one in right if one.paragraph],
            "code": answer.report.run.edition.code,
            "edition": answer.report.run.edition.sha256,
        }
