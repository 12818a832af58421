"""The parser on four printings of real codes, and on small texts with one trap each."""

import hashlib
import re
from pathlib import Path

import pytest

from labourqa.documents.document import read_document
from labourqa.errors import NoArticlesError, UnknownArticleError
from labourqa.law.parser import parse_code
from labourqa.law.references import find_references
from labourqa.law.structure import Article, Code, Paragraph, Point
from tests.conftest import read_shared

EDITION = Path(__file__).parents[2] / "data" / "labour-code-lt.en.txt"
NUMBERS = [str(n) for n in range(1, 261) if not 85 <= n <= 88]
NUMBERS.insert(NUMBERS.index("72") + 1, "72^1")


def parse_shared(name: str) -> Code:
    return parse_code(read_shared(name).text)


@pytest.fixture(scope="session")
def english() -> Code:
    return parse_code(read_document(EDITION).text)


@pytest.fixture(scope="session")
def lithuanian() -> Code:
    return parse_shared("labour-code/labour-code-lt.lt.txt")


@pytest.fixture(scope="session")
def pdf() -> Code:
    return parse_shared("documents/labour-code-lt-2023.en.pdf")


@pytest.fixture(scope="session")
def russian() -> Code:
    return parse_shared("documents/labour-code-russia.ru.docx")


@pytest.fixture(params=["english", "lithuanian", pytest.param("pdf", marks=pytest.mark.slow), "russian"])
def code(request: pytest.FixtureRequest) -> Code:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Code)
    return found


def get(code: Code, number: str) -> Article:
    return next(article for article in code.articles if article.number == number)


def outline(article: Article) -> list[tuple[str, list[str]]]:
    return [(one.number, [point.number for point in one.points]) for one in article.paragraphs]


def wrap(body: str, title: str = "Article 1. Purpose") -> str:
    """A text as a PDF prints it: lines of one width, of which the body is the last."""
    return (
        f"{title}\n" + "1. " + "The employer and the employee act in good faith and cooperate.\n" * 9 + body
    )


# The real codes


@pytest.mark.parametrize("name", ["english", "lithuanian", pytest.param("pdf", marks=pytest.mark.slow)])
def test_the_lithuanian_code_has_its_257_articles_in_order(name: str, request: pytest.FixtureRequest) -> None:
    code = request.getfixturevalue(name)
    assert [article.number for article in code.articles] == NUMBERS


def test_the_embedded_edition_never_changes(english: Code) -> None:
    """Trained vectors and prefix caches are found by the hash of an article's text."""
    text = "\n".join(article.format() for article in english.articles)
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "762dbb64da64122c3db8ba4cc45be4b508cec77c2589e2c9e646d4378d0f27bc"
    )


@pytest.mark.slow
def test_the_approval_law_stands_apart(english: Code, lithuanian: Code, pdf: Code) -> None:
    assert english.preliminary == ()
    for code in (lithuanian, pdf):
        assert [article.number for article in code.preliminary] == list("123456")
        assert len(code.preliminary[5].paragraphs) == 14
        assert not re.search("Grybauskait|PATVIRTINTA|APPROVED", code.preliminary[5].text)


@pytest.mark.slow
def test_a_code_is_named_and_dated(english: Code, lithuanian: Code, pdf: Code, russian: Code) -> None:
    assert (english.name, english.date) == ("Labour Code of the Republic of Lithuania", "2025-01-01")
    assert (pdf.name, pdf.date) == ("Labour Code of the Republic of Lithuania", "2023-04-06")
    assert (lithuanian.name, lithuanian.date) == ("Lietuvos Respublikos Darbo Kodeksas", "2025-01-01")
    assert (russian.name, russian.date) == ("Трудовой Кодекс Российской Федерации", "")


@pytest.mark.slow
def test_the_annex_stands_apart(english: Code, lithuanian: Code, pdf: Code) -> None:
    for code, count in ((english, 18), (lithuanian, 18), (pdf, 17)):
        assert len(re.findall(r"^\d+\. ", code.annex, re.MULTILINE)) == count
        assert "91/383" in code.annex
        assert "91/383" not in code.articles[-1].text


def test_both_languages_of_one_version_have_the_same_outline(english: Code, lithuanian: Code) -> None:
    for one, other in zip(english.articles, lithuanian.articles, strict=True):
        assert outline(one) == outline(other), one.number
        assert [bool(level) for level in (one.part, one.chapter, one.section)] == [
            bool(level) for level in (other.part, other.chapter, other.section)
        ]


@pytest.mark.slow
def test_the_pdf_differs_only_where_the_law_was_amended(english: Code, pdf: Code) -> None:
    amended = ["25", "30", "62", "72^1", "117", "119", "182", "193", "223", "241"]
    pairs = zip(english.articles, pdf.articles, strict=True)
    assert [one.number for one, other in pairs if outline(one) != outline(other)] == amended


def test_paragraph_numbers_rise_and_points_are_verbatim(code: Code) -> None:
    for article in code.articles:
        numbers = [tuple(map(int, one.number.split("^"))) for one in article.paragraphs if one.number]
        assert numbers == sorted(set(numbers)), article.number
        for paragraph in article.paragraphs:
            assert all(point.text in paragraph.text for point in paragraph.points)
            assert paragraph.lead in paragraph.text
            assert paragraph.text in article.text


def test_no_editors_note_stays_in_an_article(code: Code) -> None:
    notes = r"Note from the Register|paskelbta TAR|^Papildyta|pakeitima[is]:$|\(в ред\. Фед|КонсультантПлюс"
    for article in (*code.preliminary, *code.articles):
        lines = [line for line in article.text.split("\n") if not line.startswith("1. Darbdavys, įdarbin")]
        assert not re.search(notes, "\n".join(lines), re.MULTILINE), article.number


@pytest.mark.slow
def test_no_page_number_or_broken_line_stays_in_the_pdf(pdf: Code) -> None:
    text = "\n".join(article.text for article in pdf.articles)
    assert not re.search(r"^\d+$", text, re.MULTILINE)
    assert not re.search(r"[a-z,]\n(?!\d|[a-z]\))", text)
    assert "fixed-term" in text
    assert not re.search(r"\w- (?!or )\w", text)


@pytest.mark.parametrize(
    ("number", "title"),
    [
        ("10", "Regulation of labour relations at diplomatic missions and consular posts in Lithuania"),
        ("72^1", "Criteria applicable to temporary agencies. Entry on the list of temporary agencies"),
        ("102", "Concluding an employment contract with the head of a legal entity"),
        ("121", "Working time arrangements for specific fields of economic activities"),
        (
            "212",
            "Participation of employee representatives in other types of decision-making of the employer",
        ),
        ("219", "Decisions in cases on remuneration and payments related to labour relations"),
        ("227", "Submission of documents for dispute resolution through Labour Disputes Commissions"),
    ],
)
@pytest.mark.slow
def test_a_title_over_two_lines_is_complete_and_takes_no_text(pdf: Code, number: str, title: str) -> None:
    assert get(pdf, number).title == title


@pytest.mark.slow
def test_wrapped_references_are_no_headings(pdf: Code) -> None:
    assert "Article 57(7) and Article 64(4) of this Code regarding" in get(pdf, "62").text
    assert "(Article 101(3) and Article 101(4) of this Code)" in get(pdf, "144").text
    assert "(Articles 57(1)(1–3) of this Code)" in get(pdf, "61").text


@pytest.mark.slow
def test_an_article_knows_where_it_stands(english: Code, pdf: Code, lithuanian: Code, russian: Code) -> None:
    article = get(english, "57")
    assert article.part == "PART II. INDIVIDUAL EMPLOYMENT RELATIONS"
    assert article.chapter == "CHAPTER V. END OF THE EMPLOYMENT CONTRACT"
    assert article.section == ""
    assert get(pdf, "14").chapter == "CHAPTER III. TERMS"
    assert get(pdf, "9").chapter == ("CHAPTER II. LAW APPLICABLE TO LABOUR RELATIONS OF INTERNATIONAL NATURE")
    assert get(pdf, "89").section == "SECTION FIVE. PROJECT-BASED EMPLOYMENT CONTRACT"
    assert get(lithuanian, "1").part == "I DALIS. BENDROSIOS NUOSTATOS"
    assert get(russian, "57").section == "Раздел III. ТРУДОВОЙ ДОГОВОР"
    assert get(russian, "57").chapter == "Глава 10. ОБЩИЕ ПОЛОЖЕНИЯ"


def test_a_flattened_paragraph_number_is_raised_again(lithuanian: Code) -> None:
    assert [one.number for one in get(lithuanian, "3").paragraphs][:4] == ["1", "2", "2^1", "3"]


def test_a_repealed_paragraph_keeps_its_place(lithuanian: Code) -> None:
    assert get(lithuanian, "44").paragraph("5").text == "Neteko galios nuo 2022-08-01"


def test_letters_inside_a_point_belong_to_the_point(english: Code) -> None:
    points = get(english, "72^1").paragraph("1").points
    assert [point.number for point in points] == list("12345678")
    assert "\na) has received" in points[3].text


def test_the_russian_code_has_its_517_articles(russian: Code) -> None:
    assert len({article.number for article in russian.articles}) == len(russian.articles) == 517
    assert get(russian, "348.13").title
    assert get(russian, "424").text.endswith("после введения его в действие.")


# Small texts with one trap each


def test_a_small_code_is_read_whole() -> None:
    text = (
        "Labour Code\n\nPART I. GENERAL\n\nArticle 1. Pay\n\n"
        "1. Pay has parts:\n\n1) wage;\n\n2) bonus.\n\n2. It is due."
    )
    code = parse_code(text)
    assert code.name == "Labour Code"
    points = (Point("1", "wage;"), Point("2", "bonus."))
    paragraphs = (Paragraph("1", "Pay has parts:\n1) wage;\n2) bonus.", points), Paragraph("2", "It is due."))
    assert code.articles == (Article("1", "Pay", paragraphs, part="PART I. GENERAL"),)
    assert code.articles[0].text == "1. Pay has parts:\n1) wage;\n2) bonus.\n2. It is due."
    assert paragraphs[0].lead == "Pay has parts:"


@pytest.mark.parametrize(
    ("headings", "numbers"),
    [
        ("Article 71.|Article 72.|Article 721.|Article 73.", ["71", "72", "72^1", "73"]),
        ("72 straipsnis.|721 straipsnis.|722 straipsnis.|73 straipsnis.", ["72", "72^1", "72^2", "73"]),
        ("72 straipsnis.|72¹ straipsnis.|72-2 straipsnis.", ["72", "72^1", "72^2"]),
        ("Article 1.|Article 11.|Article 12.", ["1", "11", "12"]),
        ("Article 60.|Article 60A.|Article 60B.|Article 61.", ["60", "60A", "60B", "61"]),
        ("Article 4.|Article 5.|Article 57.|Article 6.|Article 7.", ["4", "5", "6", "7"]),
        ("Section 1.|Section 2.", ["1", "2"]),
        ("**Article 1.**|## Article 2.", ["1", "2"]),
        ("Статья 22.|Статья 22.1.|Статья 23.", ["22", "22.1", "23"]),
    ],
)
def test_article_numbers_go_by_their_order(headings: str, numbers: list[str]) -> None:
    text = "".join(f"{heading} Title\nThe employer pays.\n" for heading in headings.split("|"))
    assert [article.number for article in parse_code(text).articles] == numbers


def test_a_shorter_law_before_the_code_is_preliminary() -> None:
    law, code = (
        "".join(f"Article {n}. Title\nThe employer pays.\n" for n in range(1, end)) for end in (3, 9)
    )
    assert len(parse_code(law + code).preliminary) == 2
    assert len(parse_code(law + code).articles) == 8


def test_a_table_of_contents_is_neither_code_nor_preliminary() -> None:
    titles = [f"Article {n}. Title" for n in (1, 2, 3)]
    text = "\n".join(titles) + "\n" + "\n".join(f"{title}\nThe employer pays." for title in titles)
    code = parse_code(text)
    assert [article.text for article in code.articles] == ["The employer pays."] * 3
    assert code.preliminary == ()


@pytest.mark.parametrize(
    ("body", "joined"),
    [
        ("A fixed-\nterm contract ends.", "A fixed-term contract ends."),
        ("Co-ordinate and coordinate: co-\nordinate.", "Co-ordinate and coordinate: coordinate."),
        ("They re-sign, resign, re-\nsign.", "They re-sign, resign, re-sign."),
        ("The em-\nployee rests.", "The employee rests."),
        ("The em\xad\nployee rests.", "The employee rests."),
        ("An employer-\nor sector-level agreement.", "An employer- or sector-level agreement."),
        ("Points 8–\n10 apply.", "Points 8–10 apply."),
        ("This Code –\nand no other.", "This Code – and no other."),
    ],
)
def test_lines_are_joined_as_the_words_need(body: str, joined: str) -> None:
    assert parse_code(wrap(body)).articles[0].text.endswith(f"cooperate. {joined}")


@pytest.mark.parametrize(
    "body",
    [
        "It has applied since 1 January\n2022. The employer pays.",
        "This is the case of Article 1(1–\n2) of this Code.",
        "This is laid down in paragraph\n2. The employer pays.",
    ],
)
def test_a_number_that_wrapping_put_first_opens_nothing(body: str) -> None:
    assert [one.number for one in parse_code(wrap(body)).articles[0].paragraphs] == ["1"]
    assert parse_code(wrap(body)).articles[0].paragraphs[0].points == ()


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_a_sentence_that_wraps_before_an_article_opens_no_article(number: str) -> None:
    body = f"The employer and the employee act as is laid down for them in\nArticle {number}. They cooperate."
    text = "\n".join(
        [wrap("They rest."), wrap(body, "Article 2. Duties"), wrap("They end.", "Article 3. End")]
    )
    articles = parse_code(text).articles
    assert [article.title for article in articles] == ["Purpose", "Duties", "End"]
    assert articles[1].text.endswith(f"in Article {number}. They cooperate.")


def test_a_text_without_articles_is_refused() -> None:
    for text in ("", " " * 1000, "A letter about Article 57.\n1. Milk\n2. Bread"):
        with pytest.raises(NoArticlesError, match=r'like "Article 1\. Title"'):
            parse_code(text)


def test_a_paragraph_that_is_not_there_is_named(english: Code) -> None:
    assert get(english, "57").paragraph("9").number == "9"
    with pytest.raises(UnknownArticleError, match=r"^Article 72¹ has no paragraph 9\.$"):
        get(english, "72^1").paragraph("9")


@pytest.mark.parametrize(
    "text",
    [
        "Article 1. " * 90_000,
        "Article 1. \n" * 50_000,
        "Article 1. T\n" + " " * 1_000_000 + "x",
        "Article 1. T\n" + "1. a\n" * 50_000,
        "Article 1. T\n" + "the quick brown fox jumps over the lazy dog again and an-\n" * 15_000,
        "Article 1. T\n1. " + "Articles 1, 2, 3, " * 20_000,
        "Article 1. T\n1. Articles 2 to 9999 and 3 to 9999",
        "Article 1. T\n" + "(" * 1_000_000,
        "1 straipsnis. T\nPapildyta " + "a " * 500_000,
    ],
    ids=lambda text: text[:30],
)
@pytest.mark.slow
def test_a_hostile_text_takes_little_time(text: str) -> None:
    for article in parse_code(text).articles:
        assert len(find_references(article.text)) < 10


def test_the_editions_references_lead_to_paragraphs_that_exist(english: Code) -> None:
    for article in english.articles:
        for reference in find_references(article.text):
            target = get(english, reference.article)
            if reference.paragraph:
                paragraph = target.paragraph(reference.paragraph)
                assert reference.point in {"", *(point.number for point in paragraph.points)}
