"""`document.py` on real files and on files that a user might hand over by mistake or in malice."""

import hashlib
import re
import zipfile
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from labourqa.documents.document import Document, read_document
from labourqa.errors import DocumentError
from tests.conftest import read_shared
from tests.documents.make_docx import make_docx, paragraph

SHARED = Path(__file__).parents[3] / "shared"
EDITION = Path(__file__).parents[2] / "data" / "labour-code-lt.en.txt"


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    return path


@pytest.fixture(scope="module")
def pdf() -> Document:
    return read_shared("documents/labour-code-lt-2023.en.pdf")


def write_pdf(path: Path, *, password: str | None = None) -> Path:
    writer = PdfWriter()
    if password is None:
        writer.add_blank_page(200, 200)
    else:
        for page in PdfReader(shared("documents/labour-code-lt-2023.en.pdf")).pages[:1]:
            writer.add_page(page)
        writer.encrypt(password, "owner", algorithm="AES-256")
    writer.write(path)
    return path


def test_a_text_file_keeps_its_lines_and_is_named_and_fingerprinted() -> None:
    read = read_document(EDITION)
    assert read.source == "labour-code-lt.en.txt"
    assert read.sha256 == hashlib.sha256(EDITION.read_bytes()).hexdigest()
    assert read.text == EDITION.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "data",
    [
        "žodis\nantras".encode(),
        "žodis\nantras".encode("utf-8-sig"),
        "žodis\nantras".encode("utf-16"),
        "žodis\r\nantras".encode(),
        "z\u030codis\rantras".encode(),
        "žodis\n12\nantras".encode(),
        "žodis\n\n- 3 -\n\fPage 4 of 9\n\nantras".encode(),
    ],
    ids=["utf-8", "BOM", "utf-16", "CRLF", "decomposed", "page number", "form feed"],
)
def test_every_way_of_writing_a_text_reads_the_same(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "law.txt"
    path.write_bytes(data)
    assert read_document(path).text == "žodis\nantras"


@pytest.mark.slow
def test_a_raised_digit_of_the_pdf_is_kept_apart(pdf: Document) -> None:
    assert re.findall(r"\S+ \d+\^\d\S*|^\d+\^\d\.", pdf.text, re.MULTILINE) == [
        "2^1.",
        "3^1.",
        "Article 72^1",
        "Article 72^1.",
        "Article 72^1(3)",
        "Articles 72^1(1)(8)",
        "and 72^1",
    ]


@pytest.mark.slow
def test_a_sentence_runs_on_over_the_page_without_the_page_number(pdf: Document) -> None:
    assert "and local regulatory acts applicable\nat the workplace." in pdf.text
    assert "Council of 11 March 2002\nestablishing" in pdf.text
    assert "in the European\nCommunity, as last amended" in pdf.text
    assert not re.search(r"^\s*\d+\s*$|\f", pdf.text, re.MULTILINE)


def test_a_number_alone_inside_a_page_is_no_page_number(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text("Days of leave\n26\nfor all\n3\n\fArticle 2.")
    assert read_document(path).text == "Days of leave\n26\nfor all\nArticle 2."


def test_a_kind_is_known_by_content_and_not_by_suffix(tmp_path: Path) -> None:
    path = tmp_path / "law.txt"
    path.write_bytes(make_docx(paragraph("Article 1.")))
    assert read_document(path).text == "Article 1."


def test_a_pdf_locked_only_against_changes_is_read(tmp_path: Path) -> None:
    assert "LABOUR CODE" in read_document(write_pdf(tmp_path / "law.pdf", password="")).text


def test_a_pdf_locked_with_a_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"law\.pdf is locked with a password"):
        read_document(write_pdf(tmp_path / "law.pdf", password="secret"))


def test_a_scanned_pdf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"scan\.pdf has no text.*OCR"):
        read_document(write_pdf(tmp_path / "scan.pdf"))


@pytest.mark.parametrize("kept", [9, 200, 5_000, 600_000])
def test_a_cut_pdf_is_read_or_refused_in_one_quiet_sentence(
    kept: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.pdf"
    path.write_bytes(shared("documents/labour-code-lt-2023.en.pdf").read_bytes()[:kept])
    with pytest.raises(DocumentError, match=r"^cut\.pdf (is a damaged PDF|has no text)"):
        read_document(path)
    assert not caplog.records
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.txt", b"", "is empty"),
        ("blank.txt", b" \n\n\t", "is empty"),
        ("blank.html", b"<html><script>Article 1.</script></html>", "is empty"),
        ("noise.txt", b"\x80\x81\xff\x00", "neither text in a known encoding"),
        ("nul.txt", b"Article 1\0", "neither text in a known encoding"),
        ("law.xml", b"<?xml version='1.0'?><law>Article 1.</law>", "XML of another kind"),
        ("law.rtf", b"{\\rtf1 Article 1.}", "is an RTF document"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Word document"),
        ("page.mht", b"MIME-Version: 1.0\nContent-Type: multipart/related", "is a web archive"),
        ("scan.png", b"\x89PNG\r\n", "is a picture.*OCR"),
        ("cut.docx", b"PK\x03\x04 cut", "damaged Word document"),
        ("law.pdf", b"%PDF-1.7\ngarbage", "damaged PDF"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DocumentError, match=f"^{re.escape(name)} .*{message}"):
        read_document(path)


def test_an_archive_without_a_document_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "law.zip", "w") as archive:
        archive.writestr("law.txt", "Article 1.")
    with pytest.raises(DocumentError, match=r"law\.zip is an archive but no Word document"):
        read_document(tmp_path / "law.zip")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(DocumentError, match=r"huge\.txt is larger than 50 MB"):
        read_document(path)


def test_a_path_that_is_no_readable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DocumentError, match="does not exist"):
        read_document(tmp_path / "missing.txt")
    with pytest.raises(DocumentError, match="is a folder"):
        read_document(tmp_path)
    with pytest.raises(DocumentError, match="not a regular file"):
        read_document(Path("/dev/zero"))

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")  # the tests may run as root, whom no mode stops

    (tmp_path / "mine.txt").write_text("Article 1.")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DocumentError, match=r"mine\.txt may not be read"):
        read_document(tmp_path / "mine.txt")
