"""Encodings: known for certain, guessed and said to be guessed, or refused; never wrong letters without a word."""

import pytest

from labourqa.documents.decoding import decode
from labourqa.documents.document import read_format
from labourqa.errors import DocumentError

LITHUANIAN = (
    "1 straipsnis. Lietuvos Respublikos darbo kodekso paskirtis. Šis kodeksas reglamentuoja individualius "
    "darbo santykius, kurie atsiranda sudarius šiame kodekse nustatyta tvarka darbo sutartį, "
    "ir dėl jų kylančius įsipareigojimus."
)
LATVIAN = (
    "1. pants. Darba tiesiskās attiecības regulē Latvijas Republikas Satversme, Latvijai saistošās starptautisko "
    "tiesību normas, šis likums un citi normatīvie akti, kā arī darba koplīgums un darba kārtības noteikumi."
)
POLISH = (
    "Art. 1. Kodeks pracy określa prawa i obowiązki pracowników i pracodawców. Art. 2. Pracownikiem jest osoba "
    "zatrudniona na podstawie umowy o pracę, powołania, wyboru, mianowania lub spółdzielczej umowy o pracę, "
    "choćby nie posiadała."
)
CZECH = (
    "§ 1 Tento zákon upravuje právní vztahy vznikající při výkonu závislé práce mezi zaměstnanci a zaměstnavateli; "
    "tyto vztahy jsou vztahy pracovněprávními, upravuje rovněž právní vztahy kolektivní povahy, "
    "které souvisejí s výkonem."
)
FRENCH = (
    "Article L1. Tout projet de réforme envisagé par le Gouvernement qui porte sur les relations individuelles et "
    "collectives du travail, l’emploi et la formation fait l’objet d’une concertation préalable. "
    "À cet effet, il est reçu."
)
RUSSIAN = (
    "Статья 1. Цели и задачи трудового законодательства. Целями трудового законодательства являются установление "
    "государственных гарантий трудовых прав и свобод граждан, создание благоприятных условий труда, защита прав."
)
GREEK = "Άρθρο 1. Ο παρών νόμος ρυθμίζει τις σχέσεις εργασίας μεταξύ εργοδοτών και εργαζομένων. " * 3
JAPANESE = "第一条 この法律は、労働者の労働条件について定める。使用者は賃金を支払わなければならない。" * 5


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (LITHUANIAN, "cp1257"),
        (LATVIAN, "cp1257"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (CZECH, "cp1250"),
        (CZECH, "iso8859-2"),
        (FRENCH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp866"),
        (RUSSIAN, "iso8859-5"),
        (GREEK, "cp1253"),
    ],
)
def test_an_older_encoding_is_told_by_its_letters_and_said_to_be_a_guess(text: str, encoding: str) -> None:
    read = decode(text.encode(encoding))
    assert (read.text, read.is_certain) == (text, False)


@pytest.mark.parametrize("text", [LITHUANIAN, RUSSIAN], ids=["Latin", "Cyrillic"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_known_for_certain_with_or_without_a_mark(text: str, encoding: str) -> None:
    read = decode(text.encode(encoding))
    assert (read.text, read.is_certain) == (text, True)


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp"])
def test_letters_that_no_known_language_would_use_are_refused(encoding: str) -> None:
    with pytest.raises(DocumentError, match="save it as UTF-8"):
        decode(JAPANESE.encode(encoding))


def test_the_encoding_and_its_doubt_stand_in_the_content() -> None:
    content = read_format(RUSSIAN.encode("koi8-r"))
    assert (content.encoding, content.encoding_is_certain) == ("koi8_r", False)
    content = read_format(RUSSIAN.encode())
    assert (content.encoding, content.encoding_is_certain) == ("utf-8", True)
