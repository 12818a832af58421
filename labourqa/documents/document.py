"""A file on disk -> `Document`: checks the path, reads the bytes and hands them to the reader of their format.

The format is recognised by the bytes and never by the file's suffix.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from labourqa.documents.akoma_ntoso import is_akoma_ntoso, read_akoma_ntoso
from labourqa.documents.content import Content
from labourqa.documents.decoding import decode
from labourqa.documents.html import is_html, read_html
from labourqa.documents.limits import MAX_BYTES, MAX_CHARACTERS, MAX_LINES
from labourqa.documents.markdown import is_markdown, read_markdown
from labourqa.documents.pdf import read_pdf
from labourqa.documents.text import read_text
from labourqa.documents.word import read_word
from labourqa.errors import DocumentError
from labourqa.text import plain_line

# How files begin that are no text and cannot be read, and what they are.
_REFUSED = (
    (
        b"\xd0\xcf\x11\xe0",
        "is an old Word document (.doc) or another old Office file; save it as .docx or PDF.",
    ),
    (b"{\\rtf", "is an RTF document; save it as .docx or PDF."),
    (b"MIME-Version:", "is a web archive or a mail; save the page as HTML or PDF."),
    (b"From: <Saved by", "is a web archive; save the page as HTML or PDF."),
    (b"\x89PNG", "is a picture; run it through text recognition (OCR) first."),
    (b"\xff\xd8\xff", "is a picture; run it through text recognition (OCR) first."),
    (b"II*\0", "is a picture; run it through text recognition (OCR) first."),
    (b"MM\0*", "is a picture; run it through text recognition (OCR) first."),
    (b"\x1f\x8b", "is a compressed archive; unpack it and name the document in it."),
)
_SUFFIXES = {
    "PDF": "pdf",
    "Word": "docx",
    "HTML": "html",
    "Akoma Ntoso": "xml",
    "Markdown": "md",
    "plain text": "txt",
}
_DECLARED = re.compile(
    rb"<meta[^<>]{0,200}charset\s*=\s*[\"']?([\w-]{1,40})|^\s*<\?xml[^<>]{0,200}encoding=[\"']([\w-]{1,40})"
)


@dataclass(frozen=True, kw_only=True)
class Document(Content):
    """What was read and where it came from; the checksum names the exact file an answer rests on."""

    source: str  # the file's name
    sha256: str  # of the file's bytes
    data: bytes = field(repr=False)  # the file

    @property
    def suffix(self) -> str:
        """The usual suffix of a file of this format, without the dot."""
        return _SUFFIXES[self.format]


def read_document(path: Path) -> Document:
    """Read a document; raises DocumentError, whose sentence names the file and says what to do."""
    data = _read_bytes(path)
    try:
        content = read_format(data)
    except DocumentError as error:
        raise DocumentError(f"{path.name} {error}") from error
    return Document(
        source=plain_line(path.name) or "document",
        sha256=hashlib.sha256(data).hexdigest(),
        data=data,
        **vars(content),
    )


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DocumentError(f"{path} is a folder; name a file in it.")
        if not path.exists():
            if path.is_symlink():
                raise DocumentError(
                    f"{path} is a symbolic link that leads to no file; name the document itself."
                )
            raise DocumentError(f"{path} does not exist; check the path.")
        if not path.is_file():  # a device or a pipe may never end
            raise DocumentError(f"{path} is not a regular file; name a document.")
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError(
                f"{path} is larger than {MAX_BYTES // 1_000_000} MB; give the law's text alone."
            )
        return path.read_bytes()
    except PermissionError as error:
        raise DocumentError(f"{path} may not be read by you; change its permissions.") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise DocumentError(f"{path} cannot be read: {error}.") from error


def read_format(data: bytes) -> Content:
    """What is in a file's bytes; the sentence of a DocumentError lacks the file's name, its subject."""
    if b"%PDF-" in data[:1024]:  # the standard lets junk stand before the header
        return read_pdf(data)
    if data.startswith(b"PK\x03\x04"):  # a zip archive
        return read_word(data)
    for start, sentence in _REFUSED:
        if data.startswith(start):
            raise DocumentError(sentence)
    if is_akoma_ntoso(data):
        return read_akoma_ntoso(data)
    content = _read_characters(data)
    if not content.text.strip():
        raise DocumentError("is empty; name another file.")
    return content


def _read_characters(data: bytes) -> Content:
    declared = _DECLARED.search(data[:4096])
    decoded = decode(data, (declared[1] or declared[2]).decode("ascii") if declared else "")
    lines = sum(map(decoded.text.count, "\n\r\f\v\x85\u2028\u2029"))
    if len(decoded.text) > MAX_CHARACTERS or lines > MAX_LINES:
        raise DocumentError("holds more text than any law; give the law's text alone.")
    if is_html(decoded.text):
        return read_html(decoded)
    if decoded.text.lstrip("\ufeff \t\r\n").startswith("<?xml"):
        raise DocumentError("is XML of another kind than Akoma Ntoso; save it as HTML, .docx or PDF.")
    return read_markdown(decoded) if is_markdown(decoded.text) else read_text(decoded)
