import pytest

from labourqa.errors import UnknownArticleError
from labourqa.law.references import Reference, find_mentions, find_references, parse_reference, show_number


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("Article 57 applies", ["57"]),
        ("Articles 55 and 56", ["55", "56"]),
        ("Articles 30 to 34", ["30", "31", "32", "33", "34"]),
        ("Articles 5, 6, and 8–9", ["5", "6", "8", "9"]),
        ("Articles 132, 133 and 134 of this Code, or 30 days", ["132", "133", "134"]),
        ("under Article 57, 30 days before", ["57"]),
        ("Article 72^1(2)", ["72^1(2)"]),
        ("paragraph 2 of Article 139", ["139(2)"]),
        ("paragraphs 3 and 4 of Article 101", ["101(3)", "101(4)"]),
        ("points 1 to 3 of paragraph 2 of Article 139 of this Code", ["139(2)(1)", "139(2)(2)", "139(2)(3)"]),
        ("Article 139(5) and (6) of this Code", ["139(5)", "139(6)"]),
        ("Article 40(3) and 40(4) of this Code", ["40(3)", "40(4)"]),
        (
            "Article 44(1)(3), (8–9), (12) of the Labour Code",
            ["44(1)(3)", "44(1)(8)", "44(1)(9)", "44(1)(12)"],
        ),
        ("Articles 72^1(1)(8) and 72^1 (3)", ["72^1(1)(8)", "72^1(3)"]),
        ("Article 9, Article 8 and Article 9", ["9", "8"]),
        ("Article 9(2) and Article 8", ["9(2)", "8"]),
        ("Article 6 of Regulation (EU) No 1024/2012", []),
        ("Article 5 of the Law on Safety", []),
        ("Article 5(2) of Council Directive 2001/23/EC", []),
        ("Articles 71 and 140^8 of the Law of the Republic", []),
        ("Article 71 and Article 1408 of the Law of the Republic", []),
        ("paragraph 1 of this Article; Article 1(3) of this Code", ["1(3)"]),
        ("Leave is special [Art. 1(2)], see Art. 72¹(3).", ["1(2)", "72^1(3)"]),
        ("Articles of association, article writers and part 5", []),
        ("Articles 2 to 9999", ["2", "9999"]),
        ("Art. 348.13(2) and Art. 57.", ["348.13(2)", "57"]),
        ("section 60E, section 60FA(3)(a)", ["60E", "60FA(3)(a)"]),
        ("under subsection 60A(1) or sections 16 and 17A", ["60A(1)", "16", "17A"]),
        ("clause (a) of sub-section (1) of section 42", ["42(1)(a)"]),
        ("sub-sections (1) and (2) of section 67", ["67(1)", "67(2)"]),
        ("under section 2 of the Customs Act 1967", []),
        ("Art. 60E(1A) [Sec. 37(1)(aa)]", ["60E(1A)", "37(1)(aa)"]),
        ("Article L. 1221-1 and Article L1221-1-2", ["L1221-1", "L1221-1-2"]),
        ("Section 1-101 and Sections 14-9", ["1-101", "14-9"]),
        ("Article 2:1(3), Article 3 bis", ["2:1(3)", "3bis"]),
    ],
)
def test_references_in_a_text_are_found(text: str, references: list[str]) -> None:
    shown = [str(reference).removeprefix("Art. ") for reference in find_references(text)]
    assert shown == [show_number(reference) for reference in references]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("117", Reference("117")),
        ("144(4)", Reference("144", "4")),
        ("57(1)(2)", Reference("57", "1", "2")),
        (" Art. 57 (1) (a).", Reference("57", "1", "a")),
        ("Art. 72^1", Reference("72^1")),
        ("72¹(3)", Reference("72^1", "3")),
        ("72-1", Reference("72^1")),
        ("60e", Reference("60E")),
        ("Статья 348.13", Reference("348.13")),
        ("60fa(1a)", Reference("60FA", "1A")),
        ("37(1)(aa)", Reference("37", "1", "aa")),
        ("37(1)(iv)", Reference("37", "1", "iv")),
        ("3 bis", Reference("3bis")),
        ("article l. 1221-1", Reference("L1221-1")),
        ("3-101", Reference("3-101")),
        ("61.001", Reference("61.001")),
        ("2:1(3)", Reference("2:1", "3")),
        ("article 144 paragraph 4", Reference("144", "4")),
        ("Art. 144, para. 4 point 2", Reference("144", "4", "2")),
        ("Article 53, point 2", Reference("53", "", "2")),
    ],
)
def test_what_a_person_types_is_read(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    ("question", "references"),
    [
        ("What does Article 144 say?", ["144"]),
        ("does art. 57(1) apply to me", ["57(1)"]),
        ("ART 57 (1)(2)", ["57(1)(2)"]),
        ("What is § 72-1 about?", ["72^1"]),
        ("§§ 30, 31", ["30", "31"]),
        ("is article 72¹ for temps?", ["72^1"]),
        ("DK 117 str. 3 d.", ["117(3)"]),
        ("DK 57 straipsnio 1 dalies 2 punktas", ["57(1)(2)"]),
        ("explain articles 57 and 58 please", ["57", "58"]),
        ("article 144 paragraph 4 point 2", ["144(4)(2)"]),
        ("paragraph 2 of article 139", ["139(2)"]),
        ("Section 60 of the Labour Code", ["60"]),
        ("Article 57 of Labour Code", ["57"]),
        ("Section 5 of the Employment Rights Act 1996", []),
        ("I have 57 days and an articled clerk of 30", []),
        ("the 3-4 sections of my contract", []),
        ("How long is annual leave?", []),
    ],
)
def test_places_named_in_a_question_are_found(question: str, references: list[str]) -> None:
    assert find_mentions(question) == tuple(map(parse_reference, references))


@pytest.mark.parametrize("text", ["", "hello", "57(1)(2)(3)", "57 1", "999999", "9" * 1_000_000])
def test_what_names_no_article_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UnknownArticleError, match=r"names no article; write, for example, 57, 144\(4\)"):
        parse_reference(text)


def test_numbers_are_shown_raised() -> None:
    assert show_number("72^1") == "72¹"
    assert str(Reference("72^1", "3", "2^1")) == "Art. 72¹(3)(2¹)"
    assert str(Reference("53", "", "2")) == "Art. 53(2)"
