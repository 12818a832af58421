"""A file is inspected before it is stored: what is found in it, and what gives reason to check it."""

from pathlib import Path

import pytest

from labourqa.config import DEFAULT_EDITION, Settings
from labourqa.documents.document import read_document
from labourqa.errors import DocumentError, NoArticlesError, UncertainCodeError
from labourqa.ingestion import inspect_file
from labourqa.law.parser import parse_law
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.documents.make_pdf import Text, make_pdf
from tests.samples import TWO_ACTS, write_act


def write_akn(*articles: str) -> str:
    title = "<preface><p><docTitle>Rest Act</docTitle></p></preface>"
    return f"<akomaNtoso><act>{title}<body>{''.join(articles)}</body></act></akomaNtoso>"


def akn_article(number: str, title: str, text: str) -> str:
    num = f"<num>{number}</num>" if number else ""
    return (
        f"<article>{num}<heading>{title}</heading><paragraph><content><p>{text}</p></content>"
        "</paragraph></article>"
    )


def test_the_embedded_edition_is_read_with_good_confidence() -> None:
    inspection = inspect_file(DEFAULT_EDITION)
    report = inspection.report
    assert (report.confidence, report.articles, report.date) == ("good", 257, "2025-01-01")
    assert (report.first_number, report.last_number, report.language) == ("1", "260", "en")
    assert inspection.code == parse_law(inspection.document.text).code


def test_a_file_of_two_acts_gives_the_largest_or_the_named_one(tmp_path: Path) -> None:
    path = tmp_path / "acts.txt"
    path.write_text(TWO_ACTS)
    largest = inspect_file(path)
    assert (largest.code.name, len(largest.code.articles)) == ("Wages Act", 6)
    assert [(act.name, act.articles) for act in largest.report.acts] == [
        ("Wages Act", 6),
        ("Holidays Act", 5),
    ]
    other = inspect_file(path, act="holidays", name="Holidays")
    assert (other.code.name, other.report.name, other.report.chosen_act) == ("Holidays", "Holidays", 2)
    assert [article.title for article in other.code.articles][:2] == ["Scope", "Leave"]
    with pytest.raises(NoArticlesError, match="its acts are 1: Wages Act; 2: Holidays Act"):
        inspect_file(path, act="civil")


def test_a_code_without_a_name_is_named_like_its_file(tmp_path: Path) -> None:
    path = tmp_path / "house-rules.txt"
    path.write_text(write_act("", "Scope Wages Payment Deductions Records"))
    assert inspect_file(path).code.name == "house-rules"


def test_a_poor_text_is_stored_only_with_force(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "poor.txt"
    path.write_text(write_act("LABOUR CODE", "Wages Rest"))
    assistant = Assistant(Settings(home=tmp_path), store)
    inspection = inspect_file(path)
    assert (inspection.report.confidence, inspection.report.reasons) == (
        "poor",
        ("Only 2 articles are found.",),
    )
    with pytest.raises(UncertainCodeError, match=r"poor\.txt .* Only 2 articles are found\. .* --force"):
        assistant.store_code(inspection)
    assert store.editions.all() == []
    edition = assistant.store_code(inspection, force=True)
    assert store.editions.all() == [edition]
    assert store.editions.articles(edition) == inspection.code.articles


def test_pages_without_text_are_a_reason_to_check_and_many_of_them_are_poor(tmp_path: Path) -> None:
    lines = write_act("LABOUR CODE OF NOWHERE", "Scope Wages Payment Rest Records Penalties").splitlines()
    page = [Text(60, 800 - 14 * i, line) for i, line in enumerate(lines) if line]
    path = tmp_path / "scanned.pdf"
    path.write_bytes(make_pdf(*[page], *[[]]))
    half = inspect_file(path)
    assert (half.report.confidence, half.report.reasons[0]) == ("poor", "1 of 2 pages have no text.")
    assert half.to_json()["pages_without_text"] == [2]
    pages = [[Text(60, 800, f"{number + 1}. More rules on penalties.")] for number in range(1, 5)]
    path.write_bytes(make_pdf(page, *pages, []))
    one_of_six = inspect_file(path)
    assert (one_of_six.report.confidence, one_of_six.report.reasons[0]) == (
        "check", "1 of 6 pages have no text."
    )  # fmt: skip
    path.write_bytes(make_pdf([], []))
    with pytest.raises(DocumentError, match=r"scanned\.pdf"):
        inspect_file(path)


def test_a_guessed_encoding_is_a_reason_to_check(tmp_path: Path) -> None:
    text = write_act("DARBO KODEKSAS", "Taikymas Užmokestis Mokėjimas Poilsis Žurnalai")
    text = text.replace("The rules on", "Šio straipsnio taisyklės dėl").replace(
        "bind every employer and employee", "yra privalomos darbdaviams ir darbuotojų atstovams"
    )
    path = tmp_path / "kodeksas.txt"
    path.write_bytes(text.encode("cp1257"))
    inspection = inspect_file(path)
    assert not inspection.document.encoding_is_certain
    assert inspection.report.confidence == "check"
    assert inspection.report.reasons[0] == f"The encoding was guessed: {inspection.document.encoding}."
    path.write_text(text, encoding="utf-8")
    certain = inspect_file(path)
    assert (certain.document.encoding_is_certain, certain.report.reasons) == (True, ())


def test_a_law_that_states_its_structure_is_reported_on_in_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "rest.xml"
    articles = [akn_article(str(n), f"Rest {n}", f"Rest of kind {n} lasts a day.") for n in range(1, 7)]
    articles[3] = akn_article("4", "", "(Repealed)")
    path.write_text(write_akn(*articles))
    inspection = inspect_file(path)
    report = inspection.report
    assert (report.name, report.articles, report.repealed) == ("Rest Act", 6, ("4",))
    assert (report.confidence, report.missing_numbers) == ("good", ())
    assert [article.repealed for article in inspection.code.articles] == [n == 4 for n in range(1, 7)]
    with pytest.raises(NoArticlesError, match='no act "2"; its only act is Rest Act'):
        inspect_file(path, act="2")


def test_in_a_stated_structure_repeated_and_missing_numbers_are_named_and_no_text_is_lost(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "rest.xml"
    articles = [akn_article(str(n), f"Rest {n}", f"Rest of kind {n} lasts a day.") for n in range(1, 7)]
    again = akn_article("2", "Again", "Rest is also due on Sundays.")
    unnumbered = akn_article("", "Signature", "Signed by the President.")
    path.write_text(write_akn(*articles, again, unnumbered))
    inspection = inspect_file(path)
    report = inspection.report
    assert (report.articles, report.repeated_numbers) == (6, ("2",))
    assert report.unassigned_examples == ("Signature", "Signed by the President.")
    assert report.confidence == "check"
    edition = Assistant(Settings(home=tmp_path), store).store_code(inspection, force=True)
    text = store.editions.article(edition, "2").text
    assert text == "Rest of kind 2 lasts a day.\nAgain\nRest is also due on Sundays."


def test_the_json_document_names_the_file_and_everything_that_was_found(tmp_path: Path) -> None:
    path = tmp_path / "acts.txt"
    path.write_text(TWO_ACTS)
    document = inspect_file(path).to_json()
    assert document["sha256"] == read_document(path).sha256
    assert set(document) == {
        "source", "sha256", "format", "encoding", "encoding_is_certain", "pages", "pages_without_text",
        "left_out", "undecoded_characters", "name", "language", "date", "acts", "chosen_act", "articles",
        "first_number", "last_number", "missing_numbers", "repeated_numbers", "without_text",
        "without_own_title", "unusually_long", "unusually_short", "repealed", "front_lines", "dropped_lines",
        "unassigned_lines", "unassigned_examples", "samples", "confidence", "reasons",
    }  # fmt: skip
