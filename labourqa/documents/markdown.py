"""Markdown (CommonMark): headings, lists, tables and links as plain lines, without the signs of formatting."""

import html
import re
from collections.abc import Iterator

from labourqa.documents.content import Content, LeftOut
from labourqa.documents.decoding import Decoded
from labourqa.documents.text import clean_text

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(\S.*?)[ \t]*#*[ \t]*$")
_BOLD_LINE = re.compile(r"\*\*[^*\n]{1,300}\*\*[ \t]*$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,}|={3,}[ \t]*)$")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-*:?[ \t]*)*$")
_QUOTE = re.compile(r"^ {0,3}(?:> ?)+")
_BULLET = re.compile(r"([ \t]*)[-*+][ \t]+(?=\S)")
_ITEM = re.compile(r"([ \t]*)(\d{1,9})([.)])[ \t]+(?=\S)")
_NOTE = re.compile(r"\[\^([^\]\s]{1,50})\]:[ \t]*(.*)")
_TARGET = re.compile(r" {0,3}\[(?!\^)[^\]\n]{1,200}\]:[ \t]*\S+.*$")  # where a link written elsewhere leads

# Inside a line. An escaped sign is set apart first, so that no formatting is seen in it.
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_INLINE = (
    (re.compile(r"<!--.*?-->"), ""),
    (re.compile(r"\[\^[^\]\s]{1,50}\]"), ""),  # a note's mark
    (re.compile(r"!\[[^\[\]]{0,500}\]\([^()\s]{0,2000}\)"), ""),
    (re.compile(r"\[([^\[\]]{1,500})\](?:\([^()]{0,2000}\)|\[[^\[\]]{0,200}\])"), r"\1"),
    (re.compile(r"(?<=\w)<sup>(\d[^<]{0,9})</sup>"), r"^\1"),
    (re.compile(r"(?<=\w)\^(\d{1,3})\^"), r"^\1"),  # Pandoc's superscript
    (re.compile(r"<br[ \t]*/?>"), " "),
    (re.compile(r"</?[a-zA-Z][^<>]{0,300}>"), ""),
    (re.compile(r"(\*\*\*|\*\*|\*)(?=\S)([^*]*[^*\s])\1"), r"\2"),
    (re.compile(r"(?<!\w)(___|__|_)(?=\S)([^_]*[^_\s])\1(?!\w)"), r"\2"),
    (re.compile(r"~~(?=\S)([^~]*[^~\s])~~"), r"\1"),
    (re.compile(r"(`+)([^`]+)\1"), r"\2"),
)
_SET_APART = 0xE000  # the private codes that stand for escaped signs
_SET_BACK = {_SET_APART + code: code for code in range(0x21, 0x7F)}


def is_markdown(text: str) -> bool:
    """Whether at least two lines are headings as Markdown marks them."""
    found = 0
    for line in text.split("\n"):
        found += _HEADING.match(line) is not None or _BOLD_LINE.match(line) is not None
        if found == 2:
            return True
    return False


def read_markdown(decoded: Decoded) -> Content:
    """The text of a Markdown file, line by line as it stands."""
    left_out: list[LeftOut] = []
    text = "\n".join(_read_lines(clean_text(decoded.text).replace("\f", "\n").split("\n"), left_out))
    return Content(
        format="Markdown",
        text=re.sub(r"\n{3,}", "\n\n", text).strip("\n"),
        left_out=tuple(left_out),
        encoding=decoded.encoding,
        encoding_is_certain=decoded.is_certain,
    )


def _read_lines(lines: list[str], left_out: list[LeftOut]) -> Iterator[str]:
    in_code = False
    numbers: dict[
        int, tuple[int, int]
    ] = {}  # of the lists open, by indent: the number written and the one shown
    for line in lines:
        if _FENCE.match(line):
            in_code = not in_code
        elif in_code:
            yield line.rstrip()
        elif _RULE.match(line) or (_TABLE_RULE.fullmatch(line) and "-" in line) or _TARGET.match(line):
            yield ""
        elif note := _NOTE.match(line):
            left_out.append(LeftOut("footnote", _read_inline(note[2])))
        elif heading := _HEADING.match(line):
            numbers = {}
            yield from ("", _read_inline(heading[1]), "")
        else:
            yield _read_inline(_number_item(_QUOTE.sub("", line), numbers))


def _number_item(line: str, numbers: dict[int, tuple[int, int]]) -> str:
    """A list item with the number that is shown: Markdown counts on where each item is written as "1."."""
    if item := _ITEM.match(line):
        indent, written = len(item[1].expandtabs(4)), int(item[2])
        last = numbers.get(indent)
        shown = last[1] + 1 if last and last[0] == written else written
        for deeper in [one for one in numbers if one > indent]:
            del numbers[deeper]
        numbers[indent] = written, shown
        return f"{shown}{item[3]} {line[item.end() :]}"
    if line.strip() and not line[0].isspace():
        numbers.clear()
    return _BULLET.sub("• ", line, count=1) if _BULLET.match(line) else line


def _read_inline(line: str) -> str:
    line = _ESCAPE.sub(lambda sign: chr(_SET_APART + ord(sign[1])), line.rstrip("\\"))
    for pattern, shown in _INLINE:
        line = pattern.sub(shown, line)
    if line.lstrip().startswith("|"):
        line = "\t".join(cell.strip() for cell in line.strip().strip("|").split("|"))
    return html.unescape(line).translate(_SET_BACK).replace("\u00a0", " ").strip()
