"""Each paragraph's place in its document: the lines that hold its words, whatever stands between them."""

from labourqa.law.parser import parse_law
from labourqa.law.places import Box, Mark, Place, find_places
from labourqa.law.structure import Article, Paragraph

LAW = """LABOUR CODE OF NOWHERE

Article 1. Scope
1. This Code applies to all employers and to everyone who
works for them.
2. It does not apply to the self-employed.

Article 2. Hours
1. Hours of work are forty a week and not more than eight a
day for everyone who works.
12 Labour Code
2. The parties may agree on fewer.

Article 3. Rest
(Repealed)

Article 4. Leave
(Repealed)

Article 5. Pay
1. This Code applies to all employers and to everyone who
is paid by them.
"""


def find(text: str, **printed: object) -> dict[tuple[str, str], Place]:
    return find_places(parse_law(text).code.articles, text.split("\n"), **printed)  # type: ignore[arg-type]


def words(text: str, place: Place) -> str:
    lines = text.split("\n")
    return " ".join(lines[number] for number in place.lines)


def test_each_paragraph_has_the_lines_of_its_own_words() -> None:
    places = find(LAW)
    assert set(places) == {("1", "1"), ("1", "2"), ("2", "1"), ("2", "2"), ("3", ""), ("4", ""), ("5", "1")}
    assert words(LAW, places["1", "1"]) == (
        "1. This Code applies to all employers and to everyone who works for them."
    )
    assert words(LAW, places["2", "2"]) == "2. The parties may agree on fewer."
    assert places["3", ""].lines[0] < places["4", ""].lines[0]
    assert words(LAW, places["5", "1"]).endswith("who is paid by them.")


def test_lines_between_a_paragraphs_lines_that_are_no_part_of_it_are_not_marked() -> None:
    article = Article(
        "2", "Hours", (Paragraph("1", "Hours of work are forty a week for everyone and eight a day."),)
    )
    lines = [
        "Art. 2 Hours",
        "1. Hours of work are forty a week for everyone",
        "(amended in 2019)",
        "",
        "and eight a day.",
        "x",
    ]
    assert find_places([article], lines)["2", "1"].lines == (1, 4)


def test_a_paragraph_that_is_not_in_the_document_has_no_place() -> None:
    article = Article(
        "2", "Hours", (Paragraph("1", "Hours of work are forty a week for everyone and eight a day."),)
    )
    assert find_places([article], ["1. Employees are entitled to annual leave of thirty days."]) == {}


def test_the_boxes_of_lines_below_each_other_are_one_mark_and_a_new_column_or_page_begins_another() -> None:
    text = "one two three four five six seven eight nine ten eleven"
    article = Article("1", "", (Paragraph("", text),))
    lines = ["one two three four", "five six", "seven eight", "nine ten", "eleven"]
    boxes = [
        Box(0.1, 0.8, 0.4, 0.82), Box(0.1, 0.83, 0.3, 0.85),
        Box(0.5, 0.1, 0.8, 0.12), Box(0.5, 0.13, 0.9, 0.15),
        Box(0.1, 0.1, 0.2, 0.12),
    ]  # fmt: skip
    place = find_places([article], lines, [4, 4, 4, 4, 5], boxes)["1", ""]
    assert place.page == 4
    assert place.marks == (
        Mark(4, Box(0.1, 0.8, 0.4, 0.85)),
        Mark(4, Box(0.5, 0.1, 0.9, 0.15)),
        Mark(5, Box(0.1, 0.1, 0.2, 0.12)),
    )
