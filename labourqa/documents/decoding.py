"""Bytes -> text: which encoding a text file or a web page is in.

UTF-8 and UTF-16 can be told for certain. An older encoding can only be guessed from the letters that come out of it;
where no language would use these letters, the file is refused rather than read as wrong letters.
"""

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from labourqa.errors import DocumentError

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LEGACY = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1257",
    "iso8859_2",
    "koi8_r",
    "iso8859_5",
    "cp866",
    "cp1253",
    "cp1254",
    "cp1256",
]

# The letters beyond ASCII of the languages that these encodings were made for.
_ALPHABETS = [
    frozenset(letters)
    for letters in (
        "äöüß", "àâæçèéêëîïôœùûüÿ", "áéíñóúü", "àèéìíîòóù", "ãáâàçéêíóõôú", "ëéèïöüáó", "åäöæøé",  # cp1252
        "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž",  # cp1250
        "ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž",  # cp1257
        "çğıöşü",  # cp1254
        "άέήίόύώαβγδεζηθικλμνξοπρσςτυφχψωϊϋΐΰ",
        "абвгдежзийклмнопрстуфхцчшщъыьэюяё", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "абвгдђежзијклљмнњопрстћуфхцчџш",
        "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي",
    )
]  # fmt: skip
_DECLARABLE = re.compile(
    r"cp\d{3,4}|iso8859-\d{1,2}|koi8-[rut]|mac-cyrillic|gb18030|big5|shift_jis|euc_(?:jp|kr)|utf-16(?:-[lb]e)?"
)
# Browsers read a page with the larger set of letters that pages of these names really use (WHATWG Encoding).
_BROWSER_NAMES = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030",
                  "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}  # fmt: skip
_LEAST_COVERED = 0.97  # of the letters beyond ASCII: by one language's alphabet
_MOST_MIXED = (
    0.01  # of the letters beyond ASCII: capitals right after small letters, which no language writes
)
_EQUAL_CHAOS = 0.02  # charset-normalizer's measure of disorder cannot tell such differences apart
_SAMPLE_BYTES = 200_000
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_UNKNOWN = (
    "is neither text in a known encoding nor another known format; save it as UTF-8 text, .docx or PDF."
)


@dataclass(frozen=True)
class Decoded:
    text: str
    encoding: str
    is_certain: bool = True


def decode(data: bytes, declared: str = "") -> Decoded:
    """The text of a file, whose own words may name its encoding; raises DocumentError where it is no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return Decoded(_decode_strictly(data, encoding), encoding)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_declared(data, declared) or _guess(data)
    if "\0" in text:
        return _guess_utf_16(data)
    return Decoded(text, "utf-8")


def _decode_strictly(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(_UNKNOWN) from error
    if "\0" in text:
        raise DocumentError(_UNKNOWN)
    return text


def _decode_declared(data: bytes, declared: str) -> Decoded | None:
    try:
        encoding = codecs.lookup(declared).name if declared else ""
    except LookupError:
        return None
    encoding = _BROWSER_NAMES.get(encoding, encoding)
    if not _DECLARABLE.fullmatch(encoding):
        return None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _NO_TEXT.search(text) else Decoded(text, encoding)


def _guess_utf_16(data: bytes) -> Decoded:
    """UTF-16 without a mark: in one order of the bytes, spaces and line ends come out, in the other signs of CJK."""
    for encoding, space in (("utf-16-le", b" \0"), ("utf-16-be", b"\0 ")):
        found = sum(1 for at in range(0, min(len(data), _SAMPLE_BYTES) - 1, 2) if data[at : at + 2] == space)
        if len(data) % 2 == 0 and found * 50 > min(len(data), _SAMPLE_BYTES) / 2:
            text = _decode_strictly(data, encoding)
            if not _NO_TEXT.search(text):
                return Decoded(text, encoding)
    raise DocumentError(_UNKNOWN)


def _guess(data: bytes) -> Decoded:
    """The older encoding that gives letters of one language, in words as that language has them."""
    import charset_normalizer  # imported here: `--help` must be fast

    if b"\0" in data:
        return _guess_utf_16(data)
    matches = list(charset_normalizer.from_bytes(data[:_SAMPLE_BYTES], cp_isolation=_LEGACY))
    least = min((match.chaos for match in matches), default=0.0)
    readings = []
    for match in matches:
        text = data.decode(match.encoding, errors="replace")
        if match.chaos <= least + _EQUAL_CHAOS and not _NO_TEXT.search(text) and "\ufffd" not in text:
            readings.append(
                (_plausibility(text), match.coherence, Decoded(text, match.encoding, is_certain=False))
            )
    best = max(readings, key=lambda reading: reading[:2], default=None)
    if best is None or best[0] == 0:
        raise DocumentError(_UNKNOWN)
    return best[2]


def _plausibility(text: str) -> float:
    """How much of a language's alphabet beyond ASCII the text uses, at best; 0 where it uses other letters too.

    Latvian read as Turkish shows Turkish letters alone, but few of them.
    """
    sample = text[:_SAMPLE_BYTES]
    letters = Counter(sign for sign in sample if sign > "\x7f" and sign.isalpha() and sign not in "ªº")
    total = letters.total()
    if not total:
        return 1.0
    mixed = sum(1 for one, other in pairwise(sample) if one > "\x7f" and one.islower() and other.isupper())
    if mixed > _MOST_MIXED * total:
        return 0.0
    used = {letter.lower() for letter in letters}
    return max(
        (
            len(used & alphabet) / len(alphabet)
            for alphabet in _ALPHABETS
            if sum(count for letter, count in letters.items() if letter.lower() in alphabet)
            >= _LEAST_COVERED * total
        ),
        default=0.0,
    )
