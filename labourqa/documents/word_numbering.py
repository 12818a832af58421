"""The numbers that Word generates before paragraphs: read from a document's numbering and style parts, and counted.

The rules are those of ECMA-376, part 1, section 17.9 (numbering).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_LETTERS = {
    "lowerLetter": "abcdefghijklmnopqrstuvwxyz",
    "upperLetter": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщэюя",  # Word leaves out ё, й, ъ, ы and ь
    "russianUpper": "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯ",
}
_DEEPEST = 9  # levels; Word has no more
_LONGEST_NUMBER = 100  # characters, such as of "Article 1."
_LONGEST_CHAIN = 20  # of styles, each based on the next


@dataclass
class Level:
    """How the numbers of one level of a list are written."""

    start: int = 1
    format: str = "decimal"
    pattern: str = ""  # "%1.%2)"
    separator: str = " "
    restarts: bool = True  # begins anew after a number of a level above it
    plain: bool = False  # shows the levels above in plain digits (isLgl)
    style: str = ""  # the paragraph style that carries this level


@dataclass
class Style:
    based_on: str = ""
    list_id: str = ""
    level: int | None = None
    is_raised: bool | None = None  # None: as the style it is based on


@dataclass
class Numbering:
    """The lists and styles of a document, and how far each list has been counted."""

    abstract: dict[str, dict[int, Level]] = field(default_factory=dict)  # lists that share a counter
    lists: dict[str, str] = field(default_factory=dict)  # list id -> the abstract list that it counts on with
    overrides: dict[str, dict[int, Level]] = field(
        default_factory=dict
    )  # of a list: levels it writes otherwise
    restarts: dict[str, dict[int, int]] = field(
        default_factory=dict
    )  # of a list: numbers that it starts with
    styles: dict[str, Style] = field(default_factory=dict)
    style_lists: dict[str, str] = field(default_factory=dict)  # list style -> abstract list
    links: dict[str, str] = field(default_factory=dict)  # abstract list -> the list style that defines it
    _counted: dict[str, list[int | None]] = field(default_factory=dict)

    def is_raised(self, style: str) -> bool:
        return next((one.is_raised for one in self._chain(style) if one.is_raised is not None), False)

    def next_number(self, list_id: str | None, level: int | None, style: str) -> str:
        """Count a paragraph and write its number, "" where it has none; None stands for what its style says."""
        if list_id is None:
            list_id = next((one.list_id for one in self._chain(style) if one.list_id), "")
            level = self._style_level(list_id, style) if level is None else level
        abstract = self._resolve(list_id)
        if list_id in ("", "0") or abstract is None:
            return ""
        return self._count(list_id, abstract, min(max(level or 0, 0), _DEEPEST - 1))

    def _count(self, list_id: str, abstract: str, depth: int) -> str:
        levels = self.abstract[abstract] | self.overrides.get(list_id, {})
        counted = self._counted.setdefault(abstract, [None] * _DEEPEST)
        for restarted, start in self.restarts.pop(list_id, {}).items():  # at a list's first paragraph only
            counted[restarted] = start - 1
        for above in range(depth):
            if counted[above] is None:
                counted[above] = levels.get(above, Level()).start
        level = levels.get(depth, Level())
        last = counted[depth]
        counted[depth] = level.start if last is None else last + 1
        for below in range(depth + 1, _DEEPEST):
            if levels.get(below, Level()).restarts:
                counted[below] = None

        def write(match: re.Match[str]) -> str:
            shown = int(match[1]) - 1
            number = counted[shown] if shown <= depth else None
            form = "decimal" if level.plain else levels.get(shown, Level()).format
            return "" if number is None else write_number(number, form)

        if level.format == "bullet":
            return "• "
        text = "" if level.format == "none" else re.sub(r"%([1-9])", write, level.pattern[:_LONGEST_NUMBER])
        text = text[:_LONGEST_NUMBER]
        return text + level.separator if text else ""

    def _chain(self, style: str) -> Iterator[Style]:
        """A style and the styles that it is based on."""
        seen: set[str] = set()
        while style in self.styles and style not in seen and len(seen) < _LONGEST_CHAIN:
            seen.add(style)
            yield self.styles[style]
            style = self.styles[style].based_on

    def _style_level(self, list_id: str, style: str) -> int | None:
        abstract = self._resolve(list_id)
        for depth, level in self.abstract.get(abstract or "", {}).items():
            if level.style and level.style == style:
                return depth
        return next((one.level for one in self._chain(style) if one.level is not None), None)

    def _resolve(self, list_id: str) -> str | None:
        abstract = self.lists.get(list_id)
        linked = self.style_lists.get(self.links.get(abstract or "", ""))
        abstract = linked or abstract
        return abstract if abstract in self.abstract else None


def write_number(number: int, form: str) -> str:
    """A number in one of Word's formats; what is not known is written in digits."""
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        text = ""
        for value, letters in _ROMAN:
            text += letters * (number // value)
            number %= value
        return text.upper() if form == "upperRoman" else text
    if form in _LETTERS and 0 < number <= 1000:  # after z come aa, bb, cc
        letters = _LETTERS[form]
        return letters[(number - 1) % len(letters)] * ((number - 1) // len(letters) + 1)
    if form == "decimalZero":
        return f"{number:02}"
    if form == "ordinal":
        ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending}"
    return str(number)


class NumberingReader:
    """Fills a `Numbering` from the events of `word/numbering.xml` and `word/styles.xml`."""

    def __init__(self, numbering: Numbering) -> None:
        self.numbering = numbering
        self.path: list[str] = []
        self.abstract = self.list_id = self.style = self.style_type = ""
        self.depth = 0
        self.level = Level()

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        name = name.removeprefix(_W)
        self.path.append(name)
        value = attributes.get(f"{_W}val", "")
        into = self.numbering
        if name == "abstractNum":
            self.abstract, self.list_id = attributes.get(f"{_W}abstractNumId", ""), ""
            into.abstract[self.abstract] = {}
        elif name == "num":
            self.list_id, self.abstract = attributes.get(f"{_W}numId", ""), ""
        elif name == "abstractNumId":
            into.lists[self.list_id] = value
        elif name == "styleLink":
            into.style_lists[value] = self.abstract
        elif name == "numStyleLink":
            into.links[self.abstract] = value
        elif name in ("lvl", "lvlOverride"):
            self.depth = _read_int(attributes.get(f"{_W}ilvl", ""))
            if name == "lvl":
                self.level = Level()
                lists, key = (
                    (into.overrides, self.list_id) if self.list_id else (into.abstract, self.abstract)
                )
                target = lists.setdefault(key, {})
                if 0 <= self.depth < _DEEPEST:
                    target[self.depth] = self.level
        elif name == "startOverride" and 0 <= self.depth < _DEEPEST:
            into.restarts.setdefault(self.list_id, {})[self.depth] = _read_int(value)
        elif name == "style":
            self.style = attributes.get(f"{_W}styleId", "")
            into.styles[self.style] = Style()
        elif self.style:
            self._read_style(name, value)
        elif "lvl" in self.path:
            self._read_level(name, value)

    def _read_level(self, name: str, value: str) -> None:
        if name == "start":
            self.level.start = _read_int(value)
        elif name == "numFmt":
            self.level.format = value
        elif name == "lvlText":
            self.level.pattern = value
        elif name == "suff":
            self.level.separator = "" if value == "nothing" else " "
        elif name == "lvlRestart":
            self.level.restarts = value != "0"
        elif name == "isLgl":
            self.level.plain = value not in ("0", "false")
        elif name == "pStyle":
            self.level.style = value

    def _read_style(self, name: str, value: str) -> None:
        style = self.numbering.styles[self.style]
        if name == "basedOn":
            style.based_on = value
        elif name == "numId":
            style.list_id = value
        elif name == "ilvl":
            style.level = _read_int(value)
        elif name == "vertAlign":
            style.is_raised = value == "superscript"

    def end(self, name: str) -> None:
        self.path.pop()
        if name.endswith("}style"):
            self.style = ""

    def text(self, _text: str) -> None:
        pass


def _read_int(text: str) -> int:
    return int(text) if re.fullmatch(r"-?\d{1,6}", text) else 0
