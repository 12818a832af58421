"""A file on disk -> `Document`: checks the path, reads the bytes and hands them to the reader of their format.

The format is recognised by the bytes and never by the file's suffix.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from labourqa.documents.content import Content
from labourqa.documents.limits import MAX_BYTES
from labourqa.documents.pdf import read_pdf
from labourqa.documents.text import read_text
from labourqa.documents.word import read_word
from labourqa.errors import DocumentError


@dataclass(frozen=True, kw_only=True)
class Document(Content):
    """What was read and where it came from; the checksum names the exact file an answer rests on."""

    source: str  # the file's name
    sha256: str  # of the file's bytes


def read_document(path: Path) -> Document:
    """Read a document; raises DocumentError, whose sentence names the file and says what to do."""
    data = _read_bytes(path)
    try:
        content = _read_format(data)
    except DocumentError as error:
        raise DocumentError(f"{path.name} {error}") from error
    return Document(source=path.name, sha256=hashlib.sha256(data).hexdigest(), **vars(content))


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DocumentError(f"{path} is a folder; name a file in it.")
        if not path.exists():
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


def _read_format(data: bytes) -> Content:
    """Errors raised from here on lack the file's name, which `read_document` puts before them."""
    if b"%PDF-" in data[:1024]:  # the standard lets junk stand before the header
        return read_pdf(data)
    if data.startswith(b"PK\x03\x04"):  # a zip archive
        return read_word(data)
    return read_text(data)
