"""The report on a law's reading says what was found and what to look at."""

import json

import pytest

from labourqa.law.inspection import IngestionReport
from labourqa.law.parser import parse_law

SENTENCE = "The employer pays the wages of every employee on the day that the contract lays down."


def law_of(*numbers: str, text: str = SENTENCE) -> str:
    return "LABOUR CODE\n\n" + "\n\n".join(f"Article {number}. Title\n{text}" for number in numbers)


def report_on(text: str) -> IngestionReport:
    return parse_law(text).report


NUMBERS = [str(number) for number in range(1, 41)]


def test_a_law_without_flaws_is_good_and_gives_no_reasons() -> None:
    report = report_on(law_of(*NUMBERS))
    assert (report.name, report.language, report.articles) == ("Labour Code", "en", 40)
    assert (report.first_number, report.last_number) == ("1", "40")
    assert (report.confidence, report.reasons) == ("good", ())


def test_missing_numbers_are_named() -> None:
    report = report_on(law_of(*(number for number in NUMBERS if number not in {"7", "12", "13", "14"})))
    assert report.missing_numbers == ("7", "12–14")
    assert report.confidence == "check"
    assert report.reasons == ("Numbers 7, 12–14 are missing.",)


def test_a_repeated_number_is_named_and_its_text_is_kept() -> None:
    text = law_of(*NUMBERS).replace("Article 4. Title", "Article 3. Another title")
    law = parse_law(text)
    assert law.report.repeated_numbers == ("3",)
    assert law.report.confidence == "check"
    assert "used more than once" in " ".join(law.report.reasons)
    assert "Another title" in law.code.articles[2].text


def test_a_number_that_is_used_again_far_from_the_first_is_named_and_its_text_is_kept() -> None:
    text = law_of(*NUMBERS).replace("Article 15. Title", "\nArticle 3. Another title\n")
    law = parse_law(text)
    assert law.report.repeated_numbers == ("3",)
    assert law.report.confidence == "check"
    assert "Another title" in law.code.articles[13].text


def test_a_reference_at_the_beginning_of_a_paragraph_is_no_repeated_number() -> None:
    text = law_of(*NUMBERS).replace(
        "Article 15. Title", "\nArticle 3. This rule applies here as well.\n\nArticle 15. Title"
    )
    assert parse_law(text).report.repeated_numbers == ()


def test_fifty_articles_with_one_number_are_a_poor_reading() -> None:
    report = parse_law(law_of(*["1"] * 50)).report
    assert (report.articles, len(report.repeated_numbers), report.confidence) == (1, 49, "poor")
    assert "Number 1 (50 times) is used more than once" in " ".join(report.reasons)


def test_articles_without_text_make_the_reading_poor() -> None:
    text = law_of(*NUMBERS)
    for number in range(10, 20):
        text = text.replace(f"Article {number}. Title\n{SENTENCE}", f"Article {number}. Title\n")
    report = report_on(text)
    assert report.without_text == tuple(map(str, range(10, 20)))
    assert report.confidence == "poor"
    assert "Articles 10, 11, 12, 13, 14 and 5 more are without text." in report.reasons


def test_articles_without_a_title_are_named_where_others_have_one() -> None:
    text = law_of(*NUMBERS).replace("Article 7. Title", "Article 7").replace("Article 8. Title", "Article 8")
    text = text.replace("Article 9. Title", "Article 9")
    report = report_on(text)
    assert report.without_own_title == ("7", "8", "9")
    assert report.confidence == "check"


def test_an_article_that_holds_half_of_the_law_makes_the_reading_poor() -> None:
    text = law_of(*NUMBERS) + f" {SENTENCE}" * 400
    report = report_on(text)
    assert report.unusually_long == ("40",)
    assert report.confidence == "poor"


def test_lines_that_belong_to_no_article_are_counted_and_shown() -> None:
    lines = "\n".join(f"Signed by member {letter} of the Parliament." for letter in "abcdefgh")
    report = report_on(f"{law_of(*NUMBERS)}\n\nAPPROVED\n{lines}")
    assert report.unassigned_lines == 8
    assert report.unassigned_examples[0] == "Signed by member a of the Parliament."
    assert len(report.unassigned_examples) < 8
    assert report.confidence == "check"


def test_few_articles_make_the_reading_poor() -> None:
    report = report_on(law_of("1", "2"))
    assert (report.confidence, report.reasons) == ("poor", ("Only 2 articles are found.",))


def test_more_text_before_the_articles_than_in_them_makes_the_reading_poor() -> None:
    report = report_on(f"{SENTENCE}\n" * 100 + law_of(*NUMBERS))
    assert report.confidence == "poor"
    assert report.reasons == ("More text stands before the first article than in all articles.",)


def test_a_text_that_begins_in_the_middle_of_a_law_is_not_poor() -> None:
    report = report_on(law_of(*map(str, range(100, 140))))
    assert report.missing_numbers == ("1–99",)
    assert report.confidence != "poor"


def test_repealed_articles_are_named_and_are_not_without_text() -> None:
    text = law_of(*NUMBERS).replace(f"Article 7. Title\n{SENTENCE}", "Article 7. (Repealed by Act 5 of 2009)")
    report = report_on(text)
    assert (report.repealed, report.without_text) == (("7",), ())


def test_three_articles_are_shown() -> None:
    report = report_on(law_of(*NUMBERS).replace("Article 30. Title\n", f"Article 30. Title\n{SENTENCE} "))
    assert [sample.number for sample in report.samples] == ["1", "21", "30"]
    assert report.samples[0].beginning == SENTENCE


def test_dropped_and_front_lines_are_counted() -> None:
    report = report_on("LAW\n\nA preamble.\n\n" + law_of(*NUMBERS) + "\n[Footnote] 1. Inserted by Act 5.\n")
    assert (report.front_lines, report.dropped_lines) == (3, 1)


@pytest.mark.parametrize("text", [law_of(*NUMBERS), law_of("1"), law_of("3", "3")])
def test_a_report_can_be_written_as_json(text: str) -> None:
    report = report_on(text)
    assert json.loads(json.dumps(report.to_json()))["articles"] == report.articles
