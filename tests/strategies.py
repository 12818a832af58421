"""Hypothesis strategies: codes and reports with any text in any place."""

from typing import Any, get_args

from hypothesis import strategies as st

from labourqa.answering.answer import Answer, Outcome
from labourqa.answering.report import Report, Run, RunSettings, Seconds, Tokens
from labourqa.answering.selection import Selection
from labourqa.answering.verification import Statement
from labourqa.config import ANSWER_KINDS
from labourqa.engine.base import ModelInfo
from labourqa.law.citations import Citation
from labourqa.law.edition import Edition
from labourqa.law.references import Reference
from labourqa.law.structure import Article, Code, Paragraph, Point
from labourqa.methods import METHODS

# Without surrogates, which UTF-8 cannot hold.
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
WORDS = st.lists(
    st.sampled_from(["leave", "Article 57(1)", "72^1", "¶", "\n", "1)", "\x00", "'"]), max_size=6
)
ANY_TEXT = st.one_of(TEXT, WORDS.map(" ".join))

RAISED = st.integers(1, 99).map(lambda number: f"^{number}")
ARTICLE_NUMBERS = st.builds(
    "{}{}".format,
    st.integers(1, 9_999),
    st.one_of(st.just(""), RAISED, st.text("ABCXYZ", min_size=1, max_size=2)),
)
PARAGRAPH_NUMBERS = st.builds("{}{}".format, st.integers(1, 999), st.one_of(st.just(""), RAISED))
POINT_NUMBERS = st.one_of(PARAGRAPH_NUMBERS, st.sampled_from("abcz"))
# A point belongs to a paragraph.
REFERENCES = st.one_of(
    st.builds(Reference, ARTICLE_NUMBERS),
    st.builds(Reference, ARTICLE_NUMBERS, PARAGRAPH_NUMBERS),
    st.builds(Reference, ARTICLE_NUMBERS, PARAGRAPH_NUMBERS, POINT_NUMBERS),
)

POINTS = st.builds(Point, POINT_NUMBERS, ANY_TEXT)
PARAGRAPHS = st.builds(
    Paragraph,
    st.one_of(st.just(""), PARAGRAPH_NUMBERS),
    ANY_TEXT,
    st.lists(POINTS, max_size=3).map(tuple),
)


def _unique(elements: st.SearchStrategy[Any], max_size: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(elements, max_size=max_size, unique_by=lambda one: one.number).map(tuple)


ARTICLES = st.builds(
    Article,
    ARTICLE_NUMBERS,
    ANY_TEXT,
    _unique(PARAGRAPHS, 4),
    part=ANY_TEXT,
    chapter=ANY_TEXT,
    section=ANY_TEXT,
    repealed=st.booleans(),
    title_is_own=st.booleans(),
)


def codes() -> st.SearchStrategy[Code]:
    """Codes whose articles have different numbers, as the parser makes them."""
    return st.builds(
        Code,
        ANY_TEXT,
        st.sampled_from(["", "2025-01-01"]),
        _unique(ARTICLES, 4),
        preliminary=_unique(ARTICLES, 2),
        annex=ANY_TEXT,
    )


FLOATS = st.floats(allow_nan=False, allow_infinity=False)  # JSON has no others
SECONDS = st.floats(0, 1e4)
COUNTS = st.integers(0, 10**12)
CITATIONS = st.builds(Citation, REFERENCES, ANY_TEXT, st.booleans())
STATEMENTS = st.builds(
    Statement,
    ANY_TEXT,
    st.lists(REFERENCES, max_size=2).map(tuple),
    st.lists(ANY_TEXT, max_size=2).map(tuple),
    st.lists(REFERENCES, max_size=2).map(tuple),
)
HEX = st.text("0123456789abcdef", min_size=12, max_size=12)
LOCAL_MODELS = st.builds(
    ModelInfo,
    name=ANY_TEXT,
    revision=st.one_of(st.just(""), HEX, HEX.map("sha256:{}".format)),
    dtype=st.sampled_from(["float32", "bfloat16", "int8"]),
    device=st.sampled_from(["cpu", "NVIDIA H200"]),
    parameters=st.one_of(st.none(), COUNTS),
)
SERVERS = st.builds(
    ModelInfo,
    name=ANY_TEXT,
    revision=st.just(""),
    dtype=st.just("as served"),
    device=st.just("server"),
    parameters=st.none(),
    server_url=st.sampled_from(["http://127.0.0.1:8000/v1", "https://llm.example.org/v1"]),
)
RUNS = st.builds(
    Run,
    edition=st.builds(Edition, ANY_TEXT, ANY_TEXT, ANY_TEXT, HEX),
    model=st.one_of(LOCAL_MODELS, SERVERS),
    encoder=ANY_TEXT,
    method=st.sampled_from(list(METHODS)),
    settings=st.builds(
        RunSettings,
        answer=st.sampled_from(ANSWER_KINDS),
        threshold=st.one_of(st.none(), FLOATS),
        top=st.one_of(st.none(), COUNTS),
        shortlist=COUNTS,
        batch_tokens=COUNTS,
        batch_articles=COUNTS,
        cache_bits=st.sampled_from([8, 16]),
        answer_tokens=COUNTS,
        read_seconds=st.floats(0, 1e6),
    ),
    version=ANY_TEXT,
    prompts_sha256=HEX,
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Reports whose selected articles are articles of the code."""
    titles = draw(st.dictionaries(ARTICLE_NUMBERS, ANY_TEXT, max_size=4))
    numbers = list(titles)
    selected = draw(st.lists(st.sampled_from(numbers), unique=True)) if numbers else []
    return Report(
        question=draw(ANY_TEXT),
        resolved_question=draw(ANY_TEXT),
        run=draw(RUNS),
        titles=titles,
        selection=Selection(
            scores={number: draw(FLOATS) for number in numbers},
            selected=tuple(selected),
            read=draw(COUNTS),
            threshold=draw(FLOATS),
            top=draw(st.one_of(st.none(), COUNTS)),
            unread=frozenset(draw(st.lists(st.sampled_from(numbers)))) if numbers else frozenset(),
        ),
        out_of_scope=draw(st.floats(0, 1)),
        unknown=tuple(draw(st.lists(REFERENCES, max_size=2))),
        answer=Answer(
            kind=draw(st.sampled_from(["quoted", "written", "refused"])),
            text=draw(ANY_TEXT),
            citations=tuple(draw(st.lists(CITATIONS, max_size=2))),
            statements=tuple(draw(st.lists(STATEMENTS, max_size=2))),
            complete=draw(st.booleans()),
            outcome=draw(st.sampled_from(get_args(Outcome))),
            short=tuple(draw(st.lists(CITATIONS, max_size=2))),
            conditions=tuple(draw(st.lists(CITATIONS, max_size=2))),
        ),
        notices=tuple(draw(st.lists(ANY_TEXT, max_size=2))),
        related=tuple(draw(st.lists(CITATIONS, max_size=2))),
        tokens=draw(st.builds(Tokens, COUNTS, COUNTS, COUNTS)),
        seconds=draw(st.builds(Seconds, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS)),
        peak_memory_bytes=draw(COUNTS),
    )
