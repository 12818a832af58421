"""Markdown is read as the text that it shows."""

import pytest

from labourqa.documents.content import LeftOut
from labourqa.documents.document import read_format

HEADINGS = "# Labour Code\n\n## PART I\n\n"


def read(body: str) -> str:
    content = read_format((HEADINGS + body).encode())
    assert content.format == "Markdown"
    return content.text.removeprefix("Labour Code\n\nPART I\n\n")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("### Article 1. Purpose ###", "Article 1. Purpose"),
        ("**Article 1.** *The* __Code__ _governs_ ***work***.", "Article 1. The Code governs work."),
        ("1\\. The employer \\*pays\\* 5 \\_ 6.", "1. The employer *pays* 5 _ 6."),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("see [Article 5](#art-5) and ![crest](a.png)the [Act][1].", "see Article 5 and the Act."),
        ("> - quoted", "• quoted"),
        ("* one\n* two", "• one\n• two"),
        ("1. a\n1. b\n   1) x\n   1) y\n1. c", "1. a\n2. b\n1) x\n2) y\n3. c"),
        ("1. a\n2. b\n4. d", "1. a\n2. b\n4. d"),
        ("Article 72<sup>1</sup> and 73^2^", "Article 72^1 and 73^2"),
        ("| Work | Leave |\n|------|------:|\n| Mining | 30&nbsp;days |", "Work\tLeave\n\nMining\t30 days"),
        ("a\n\n---\n\nb", "a\n\nb"),
        ("two  \nlines\\\nhere", "two\nlines\nhere"),
        ("`code` and <!-- note -->text", "code and text"),
        ("```\n1. *kept*\n```", "1. *kept*"),
    ],
)
def test_markdown_is_read_as_it_is_shown(written: str, shown: str) -> None:
    assert read(written) == shown


def test_notes_are_kept_apart() -> None:
    content = read_format((HEADINGS + "Text[^1].\n\n[^1]: As *amended*.\n").encode())
    assert content.text.endswith("Text.")
    assert content.left_out == (LeftOut("footnote", "As amended."),)


def test_a_text_with_one_number_sign_is_no_markdown() -> None:
    text = "Labour Code\n# 5 of 1999\n*Note* 2^1."
    content = read_format(text.encode())
    assert (content.format, content.text) == ("plain text", text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "signs", ["*", "_", "[", "![", "`", "<", "~~a", "**a", "\\", "[^", "> ", "- - ", "| "]
)
def test_a_line_of_one_sign_is_read_in_time(signs: str) -> None:
    read(signs * (200_000 // len(signs)))
