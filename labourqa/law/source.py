"""The text of a document -> the lines of the law: without Markdown, page headers, page numbers and editors' notes."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from labourqa.law.languages import Language, detect_language
from labourqa.law.line_layout import SENTENCE_ENDS, LineLayout, measure_layout
from labourqa.law.paragraphs import PARAGRAPH, POINT

_FEWEST_PAGES = 5  # a header is printed at least so often
_LABEL = re.compile(r"\d{1,3}[A-Z]{0,2}\.|\((?:\d{1,3}[A-Z]{0,2}|[a-z]{1,2}|[ivx]{1,5})\)|[a-z0-9]\)")
_LONGEST_HEADER = 120
_LONGEST_STEP = 20  # pages between two prints of a header
# Headings of articles rise as page headers do.
_HEADING = re.compile(
    r"^\W*(?:art|section|clause|rule|regulation|part|chapter|straipsnis|стать)|§|#\W{0,2}(?:straipsnis|§)|deleted|repealed|omitted",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SourceText:
    """A law's lines, and what is needed to read them."""

    language: Language
    layout: LineLayout
    lines: Sequence[str]
    dropped_lines: int  # page headers, page numbers and editors' notes


def prepare_source(text: str) -> SourceText:
    text = re.sub(r"\n\s*\n", "\n\n", text).replace("**", "")  # Markdown sets headings in bold
    printed = [" ".join(line.lstrip("#").split()) for line in text.split("\n")]
    language = detect_language(printed)
    lines = list(_drop_notes(language, list(_join_labels(list(_drop_page_headers(printed))))))
    dropped = sum(map(bool, printed)) - sum(map(bool, lines))
    return SourceText(language, measure_layout(lines), lines, dropped)


def _join_labels(lines: Sequence[str]) -> Iterator[str]:
    """The lines, with a paragraph's or point's number that stands on a line of its own put before its text."""
    label = ""
    for line in lines:
        if label and not line:
            continue
        if label and _LABEL.fullmatch(line):
            yield label
        elif label:
            line, label = f"{label} {line}", ""
        if _LABEL.fullmatch(line):
            label = line
        else:
            yield line
    if label:
        yield label


def _drop_page_headers(lines: Sequence[str]) -> Iterator[str]:
    """The lines without page headers and footers: lines that repeat with a rising page number in or beside them."""
    repeated = Counter(line for line in lines if line)
    occurrences: defaultdict[str, list[tuple[int, ...]]] = defaultdict(
        list
    )  # a header's positions by its wording
    for i, line in enumerate(lines):
        if line.isdecimal():
            for neighbour in (i - 1, i + 1):
                if 0 <= neighbour < len(lines) and repeated[lines[neighbour]] >= _FEWEST_PAGES:
                    occurrences[f"# {lines[neighbour]}"].append((i, neighbour))
        elif len(line) <= _LONGEST_HEADER and (wording := re.sub(r"\d+", "#", line)) != line:
            occurrences[wording].append((i,))
    headers = {
        i
        for wording, positions in occurrences.items()
        if len(positions) >= _FEWEST_PAGES and _is_header(wording)
        if _rises([lines[position[0]] for position in positions])
        for position in positions
        for i in position
    }
    open_sentence = False
    for i, line in enumerate(lines):
        beside_header = i - 1 in headers or i + 1 in headers or (i - 2 in headers and not lines[i - 1])
        if i not in headers and not (not line and open_sentence and beside_header):
            yield line
            if line:
                open_sentence = not line.endswith(SENTENCE_ENDS)


def _is_header(wording: str) -> bool:
    """Whether a line whose numbers are replaced by # has the form of a header: "# Laws of Malaysia", "Page #"."""
    words = re.findall(r"[^\W\d_]{2,}", wording)
    at_edge = wording.startswith("# ") or wording.endswith(" #")
    named_page = len(words) > 0 and words[0].lower() == "page"
    return (named_page or (at_edge and len(words) > 1)) and not _HEADING.search(wording)


def _rises(lines: Sequence[str]) -> bool:
    """Whether one of the numbers in the lines rises from line to line as page numbers do."""
    columns = zip(*(list(map(int, re.findall(r"\d{1,9}", line))) for line in lines), strict=False)
    return any(
        sum(1 for one, other in pairwise(column) if 0 < other - one <= _LONGEST_STEP)
        >= 0.8 * (len(column) - 1)
        for column in columns
    )


def _drop_notes(language: Language, lines: Sequence[str]) -> Iterator[str]:
    """The lines of the law itself, without what its editors noted between them."""
    in_note = False
    for line in lines:
        if language.long_note.match(line):
            in_note = True
        elif not line or PARAGRAPH.match(line) or POINT.match(line) or language.is_heading(line):
            in_note = False
        if not in_note and not language.note.fullmatch(line):
            yield line
