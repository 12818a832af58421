"""Writes small Word documents for the tests."""

import io
import zipfile

TRANSITIONAL = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def make_docx(body: str, *, prolog: str = "", namespace: str = TRANSITIONAL, **parts: str) -> bytes:
    """A document of this body; `parts` are the insides of others: numbering="<w:num>...", footnotes="..."."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inside in {"document": f"<w:body>{body}</w:body>", **parts}.items():
            archive.writestr(
                f"word/{name}.xml", f'{prolog}<w:{name} xmlns:w="{namespace}">{inside}</w:{name}>'
            )
    return file.getvalue()


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{run(text)}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def listed(text: str, list_id: int, level: int = 0) -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr>')


def table(*rows: list[str]) -> str:
    """A table of rows of cells, each a paragraph or several in XML."""
    cells = ("".join(f"<w:tc>{cell}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"
