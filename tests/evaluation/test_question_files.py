"""The labelled questions that the project ships name what stands in the laws."""

import json
from pathlib import Path
from typing import Any

import pytest

from labourqa.config import DATA
from labourqa.evaluation.cases import read_cases
from labourqa.law.parser import parse_code
from tests.conftest import SHARED, read_shared

FILES = sorted((DATA / "other-laws").glob("*.jsonl"))


def read_questions(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def squeeze(text: str) -> str:
    return " ".join(text.lower().split())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_questions_on_other_laws_can_be_evaluated(path: Path) -> None:
    cases, questions = read_cases(path), read_questions(path)
    assert len({squeeze(case.question) for case in cases}) == len(cases)
    assert sum(not case.answerable for case in cases) == 15
    assert all(case.needed and case.facts for case in cases if case.answerable)
    assert {question["split"] for question in questions} == {"train", "test"}
    assert 0.15 < sum(question["split"] == "test" for question in questions) / len(questions) < 0.25


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_labels_name_articles_and_words_of_the_law(path: Path) -> None:
    document = next(iter((SHARED / "documents").glob(f"{path.stem}.*")), None)
    if document is None:
        pytest.skip(f"the law of {path.name} is not on this machine")
    code = parse_code(read_shared(f"documents/{document.name}").text)
    articles = {article.number: article for article in code.articles}
    texts = {number: squeeze(f"{article.title} {article.text}") for number, article in articles.items()}
    for question in read_questions(path):
        assert set(question["articles"]) <= set(articles), question["id"]
        for fact in question["facts"]:
            for strings in fact["must_contain"]:
                found = any(squeeze(string) in texts[fact["article"]] for string in strings)
                assert found, (question["id"], strings)
