"""Whatever the bytes are, a document comes out or a DocumentError: no other exception, in bounded time and memory."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labourqa.documents.content import Content
from labourqa.documents.document import read_format
from labourqa.errors import DocumentError
from tests.documents.make_docx import listed, make_docx, paragraph, table
from tests.documents.make_pdf import Text, make_pdf

SAMPLES = {
    "word": make_docx(
        paragraph("Article 1.") + listed("a", 1) + table([paragraph("b"), paragraph("c")]),
        numbering='<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:lvlText w:val="%1."/></w:lvl>'
        '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>',
        styles='<w:style w:styleId="a"><w:basedOn w:val="a"/></w:style>',
    ),
    "Akoma Ntoso": (Path(__file__).parent / "samples" / "code.akn.xml").read_bytes(),
    "HTML": b"<html><ol start=3><li>Article 1<sup>2</sup><table><tr><td>a</table><p hidden>b</ol><nav>c</nav><pre>d\ne",
    "Markdown": b"# Code\n## Part\n1. *a* **b** [c](d)\n1. e\\.\n[^1]: f\n| g | h |\n|---|---|\n```\ni\n```\n> j",
    "text": "Straipsnis 1. Žodis\n12\n\f3\nкодекс".encode(),
}
FRAGMENTS = st.sampled_from(
    [b"<", b">", b"&", b"\0", b"\xff", b"<w:p>", b"</w:p>", b"<w:tc>", b"</w:tbl>", b"<article>", b"<num>", b"</num>",
     b"<sup>", b"<li value=9>", b"</table>", b"#", b"**", b"\\", b"\f", b"]]>", b"<!DOCTYPE a>", b"\xe2\x80", b"9" * 30]
)  # fmt: skip


def read(data: bytes) -> None:
    try:
        content = read_format(data)
    except DocumentError:
        return
    assert isinstance(content, Content)
    assert content.text.strip()
    assert not content.pages or len(content.pages) == len(content.lines)


@given(st.binary(max_size=2_000))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    if b"%PDF-" not in data:
        read(data)


@given(st.text(max_size=2_000), st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32"]))
def test_any_text_is_read_or_refused(text: str, encoding: str) -> None:
    read(text.encode(encoding, errors="ignore"))


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(sorted(SAMPLES)))
def test_a_file_with_something_put_in_or_cut_out_is_read_or_refused(data: st.DataObject, name: str) -> None:
    sample = SAMPLES[name]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(sample)))
        end = data.draw(st.integers(start, min(len(sample), start + 40)))
        sample = sample[:start] + data.draw(FRAGMENTS | st.binary(max_size=6)) + sample[end:]
    read(sample)


def _write_element(tag: str, inside: list[str]) -> str:
    return f"<{tag}>{''.join(inside)}</{tag.split()[0]}>"


def elements(*tags: str) -> st.SearchStrategy[str]:
    """Well-formed markup of these tags, in any order and depth."""

    def enclose(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.builds(
            lambda tag, texts: f"<{tag}>{''.join(texts)}</{tag.split()[0]}>",
            st.sampled_from(tags),
            st.lists(inside, max_size=5),
        )

    return st.recursive(st.sampled_from(["", "1.", "(a)", "text ", "\n"]), enclose, max_leaves=40)


WORD = elements(
    "w:p", "w:r", "w:t", "w:pPr", "w:rPr", "w:numPr", 'w:ilvl w:val="12"', 'w:numId w:val="1"', "w:tbl", "w:tr", "w:tc",
    "w:del", "w:moveFrom", "w:delText", "w:txbxContent", "w:Fallback", "w:tab", 'w:vertAlign w:val="superscript"',
    'w:sym w:char="x"', 'w:pStyle w:val="a"', "w:vanish", "w:lvl", "w:num", "w:abstractNum", "w:style", "w:numFmt",
    'w:abstractNumId w:val="0"', 'w:startOverride w:val="5"',
)  # fmt: skip
LAW = elements(
    "article", "section", "part", "chapter", "num", "heading", "paragraph", "point", "list", "content", "p", "sup",
    "del", "authorialNote", "quotedStructure", "blockList", "item", "table", "tr", "td", 'hcontainer name="article"',
    "docTitle", "attachments", 'article status="removed"',
)  # fmt: skip
PAGE = elements(
    "p", "ol", 'ol start="5" type="a"', "ul", "li", "table", "tr", "td", "sup", 'a href="#x"', "pre", "nav", "script",
    "div", 'span style="display:none"', "br", "h1",
)  # fmt: skip


@settings(deadline=None)
@given(WORD, WORD)
def test_any_nesting_of_words_elements_is_read_or_refused(body: str, numbering: str) -> None:
    read(make_docx(body, numbering=numbering, styles=numbering))


@settings(deadline=None)
@given(LAW)
def test_any_nesting_of_akoma_ntosos_elements_is_read_or_refused(body: str) -> None:
    read(f"<akomaNtoso><act><body>{body}</body></act></akomaNtoso>".encode())


@settings(deadline=None)
@given(PAGE)
def test_any_nesting_of_a_pages_elements_is_read_or_refused(body: str) -> None:
    read(f"<html>{body}</html>".encode())


@settings(max_examples=25, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_a_pdf_with_something_put_in_or_cut_out_is_read_or_refused(data: st.DataObject) -> None:
    sample = make_pdf([Text(60, 700, "Article 1. Purpose"), Text(60, 680, "Text.")])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(5, len(sample)))
        end = data.draw(st.integers(start, min(len(sample), start + 20)))
        sample = sample[:start] + data.draw(st.binary(max_size=6)) + sample[end:]
    read(sample)


@pytest.mark.parametrize(
    "make",
    [
        "b'\\n' * 50_000_000",
        "b'\\x0c' * 299_000",
        "b'a\\n\\x0c' * 149_000",
        "b'\\xe0 ' * 25_000_000",
        "'e\\u0301'.encode() * 9_900_000",
        "b'# a\\n# b\\n' + b'*_[`' * 2_000_000",
        "b'<html>' + b'<p>a' * 590_000",
        "b'<akomaNtoso><body>' + b'<article><num>1</num></article>' * 290_000 + b'</body></akomaNtoso>'",
        "b'<akomaNtoso><body>' + b'<p>' * 190 + b'a' * 19_000_000 + b'</p>' * 190 + b'</body></akomaNtoso>'",
        "b'PK\\x03\\x04' + b'PK\\x01\\x02' * 9_000_000",
    ],
)
@pytest.mark.slow
def test_a_large_file_is_read_or_refused_within_20_seconds_and_a_gigabyte(make: str) -> None:
    code = (
        "from labourqa.documents.document import read_format\n"
        "from labourqa.errors import DocumentError\n"
        f"data = {make}\n"
        "try: read_format(data)\n"
        "except DocumentError as error: print(error)"
    )
    _run_limited(code)


@pytest.mark.parametrize(
    "make",
    [
        "''.join(f'Article {i}. Title\\n\\n1. Text.\\n\\n' for i in range(1, 74_000))",
        "''.join(f'{i}. Word of law\\n' for i in range(1, 290_000))",
        "'Article 1. Title\\n\\n' + '1) the employer pays;\\n' * 290_000",
        "'Article 1. Title\\n\\n1. ' + 'the employer pays ' * 2_700_000",  # one article of 48 MB
        "'Article 1. Title\\n\\n1. ' + 'the employer pays ' * 1_100_000",  # as much as is read
    ],
)
@pytest.mark.slow
def test_a_large_text_is_parsed_or_refused_within_20_seconds_and_a_gigabyte(
    make: str, tmp_path: Path
) -> None:
    (tmp_path / "law.txt").write_text(eval(make))  # the literals above
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from labourqa.errors import LabourQAError\n"
        "from labourqa.ingestion import inspect_file\n"
        "try: inspect_file(Path(sys.argv[1]))\n"
        "except LabourQAError as error: print(error)"
    )
    _run_limited(code, str(tmp_path / "law.txt"))


def _run_limited(code: str, *arguments: str) -> None:
    """Run Python code with a gigabyte of memory and 20 seconds of processor time."""
    resource = pytest.importorskip("resource")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    subprocess.run([sys.executable, "-c", code, *arguments], preexec_fn=limit, check=True)
