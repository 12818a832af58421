from labourqa.law.sentences import find_windows, split_paragraph, split_sentences
from labourqa.law.structure import Code, Paragraph, Point


def test_sentences_end_at_stops_and_provisos_but_not_after_abbreviations() -> None:
    assert split_sentences("Leave is paid. See No. 5 of 2001. It ends: Provided that pay continues.") == [
        "Leave is paid.",
        "See No. 5 of 2001.",
        "It ends:",
        "Provided that pay continues.",
    ]


def test_the_sentences_of_a_list_know_their_point_and_its_lead() -> None:
    points = (Point("1", "a wedding;"), Point("2", "study. Pay goes on."))
    text = (
        "Leave is special. It is granted for:\n1) a wedding;\n2) study. Pay goes on.\nThe list is complete."
    )
    found = [(one.text, one.point, one.lead) for one in split_paragraph(Paragraph("1", text, points))]
    assert found == [
        ("Leave is special.", "", ""),
        ("It is granted for:", "", ""),
        ("a wedding;", "1", "It is granted for:"),
        ("study.", "2", "It is granted for:"),
        ("Pay goes on.", "2", ""),
        ("The list is complete.", "", ""),
    ]


def test_every_sentence_and_window_is_printed_in_the_law(code: Code) -> None:
    for article in code.articles:
        for paragraph in article.paragraphs:
            for sentence in split_paragraph(paragraph):
                assert sentence.text in paragraph.text
                for window in find_windows(sentence.text, 24, 45):
                    assert window.strip("… ") in sentence.text
                    assert len(window.replace("…", " ").split()) <= 45
