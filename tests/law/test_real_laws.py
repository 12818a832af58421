"""Eleven laws as they are published: how many articles they have, and ten places of each as they are printed."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from labourqa.documents.document import read_document
from labourqa.law.inspection import ParsedLaw
from labourqa.law.parser import parse_law
from labourqa.law.structure import Article

SHARED = Path(__file__).parents[3] / "shared"

# File, number of articles, first and last number, repealed ones, confidence. The Malaysian acts print ranges of deleted
# sections ("45–56. (Deleted ...)"), each number of which counts.
LAWS = [
    ("documents/labour-code-lt-2023.en.pdf", 257, "1", "260", 0, "good"),
    ("labour-code/labour-code-lt.lt.txt", 257, "1", "260", 0, "good"),
    ("documents/labour-code-russia.ru.docx", 517, "1", "424", 6, "good"),
    ("documents/employment-act-malaysia.en.pdf", 158, "1", "103", 31, "good"),
    ("documents/industrial-relations-act-malaysia.en.pdf", 83, "1", "63", 4, "good"),
    ("documents/employment-insurance-act-malaysia.en.pdf", 90, "1", "90", 0, "good"),
    ("documents/code-on-wages-india.en.txt", 69, "1", "69", 0, "good"),
    ("documents/industrial-relations-code-india.en.txt", 104, "1", "104", 0, "good"),
    ("documents/code-on-social-security-india.en.txt", 164, "1", "164", 0, "good"),
    ("documents/occupational-safety-code-india.en.txt", 143, "1", "143", 0, "good"),
    ("documents/industrial-disputes-act-india.en.txt", 81, "2", "40", 0, "good"),
]

# What stands at ten places of each law, taken from the printed page: an article's title, the numbers of its
# paragraphs, and words of one of them ("" where they are not numbered).
PLACES = [
    json.loads(line) for line in (Path(__file__).parent / "published_places.jsonl").read_text().splitlines()
]


@cache
def read(name: str) -> ParsedLaw:
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not on this machine")
    return parse_law(read_document(SHARED / name).text)


def get(law: ParsedLaw, number: str) -> Article:
    return next(article for article in law.code.articles if article.number == number)


@pytest.mark.parametrize(
    ("name", "count", "first", "last", "repealed", "confidence"), LAWS, ids=[law[0] for law in LAWS]
)
@pytest.mark.slow
def test_a_published_law_has_all_its_articles(
    name: str, count: int, first: str, last: str, repealed: int, confidence: str
) -> None:
    law = read(name)
    report = law.report
    numbers = [article.number for article in law.code.articles]
    assert len(numbers) == len(set(numbers)) == report.articles == count
    assert (report.first_number, report.last_number) == (first, last) == (numbers[0], numbers[-1])
    assert (len(report.repealed), report.confidence) == (repealed, confidence)
    assert not report.without_text
    assert not report.without_own_title
    assert not report.repeated_numbers


@pytest.mark.parametrize(
    "place", PLACES, ids=[f"{Path(place['file']).name}-{place['article']}" for place in PLACES]
)
@pytest.mark.slow
def test_a_place_in_a_published_law_reads_as_printed(place: dict[str, Any]) -> None:
    article = get(read(place["file"]), place["article"])
    assert (article.title, article.title_is_own, article.repealed) == (place["title"], True, False)
    assert [one.number for one in article.paragraphs if one.number] == place["paragraphs"]
    text = article.paragraph(place["paragraph"]).text if place["paragraph"] else article.text
    assert place["words"] in text
