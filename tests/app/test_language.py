"""The page in other languages: no message is missing, and the browser or the visitor chooses the language."""

import ast
import string
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from labourqa.config import Settings
from labourqa.store import Store
from scripts.update_messages import APP, extract_messages, update
from tests.app.driver import ask, labels, open_page, page_server, texts
from tests.conftest import small_code
from tests.fakes import fake_models

LANGUAGES = sorted(path.parts[-3] for path in APP.glob("locale/*/LC_MESSAGES/labourqa.po"))
SPOKEN = {  # parameters of Streamlit's functions that a visitor reads
    "label", "body", "placeholder", "help", "text", "title",
}  # fmt: skip
SHOWING = {
    "button", "caption", "checkbox", "download_button", "expander", "file_uploader", "header", "info", "link_button",
    "markdown", "metric", "number_input", "page_link", "pills", "popover", "selectbox", "slider", "subheader", "tabs",
    "text_area", "text_input", "title", "toggle", "warning", "write", "error", "badge", "segmented_control", "dialog",
}  # fmt: skip
SAME_IN_ALL = {"Markdown", "Word", "JSON", "CSV"}


def catalog(language: str) -> Catalog:
    return read_po(BytesIO(update(language).encode()), locale=language)


def test_there_is_a_lithuanian_page() -> None:
    assert "lt" in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_of_the_page_is_translated(language: str) -> None:
    path = APP / "locale" / language / "LC_MESSAGES" / "labourqa.po"
    assert update(language) == path.read_text(encoding="utf-8"), (
        "run scripts/update_messages.py, and translate"
    )
    messages = catalog(language)
    assert [message.id for message in messages if message.id and not all(forms(message))] == []
    for message in messages:
        if message.id:
            named = fields(message.id if isinstance(message.id, str) else message.id[1])
            assert all(fields(form) == named for form in forms(message)), message.id


def forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or [""])


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_that_a_visitor_reads_is_a_message() -> None:
    bare = [found for path in sorted(APP.rglob("*.py")) for found in bare_texts(path)]
    assert bare == []


def bare_texts(path: Path) -> Iterator[str]:
    """Texts with words that are given to Streamlit as they stand in the source."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in SHOWING or ast.unparse(node.func).split(".")[0] != "st":
            continue
        spoken = [*node.args[:1], *(one.value for one in node.keywords if one.arg in SPOKEN)]
        for text in spoken:
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                literal = text.value
            elif isinstance(text, ast.JoinedStr):
                literal = "".join(str(part.value) for part in text.values if isinstance(part, ast.Constant))
            else:
                continue
            if (
                any(len(word) > 2 for word in literal.split() if word.isalpha())
                and literal not in SAME_IN_ALL
            ):
                yield f"{path.name}:{node.lineno}: {literal}"


def test_messages_in_the_source_are_all_found() -> None:
    """An expression inside an f-string is not extracted."""
    called = {
        node.args[0].value
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("_", "ngettext")
        if isinstance(node.args[0], ast.Constant)
    }
    extracted = {one.id if isinstance(one.id, str) else one.id[0] for one in extract_messages() if one.id}
    assert called == extracted


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("labourqa.pipeline.load_models", lambda settings, progress: fake_models())
    monkeypatch.setattr("labourqa.doctor.describe_installation", lambda settings, store: {})  # imports torch
    with Store(Settings(home=tmp_path).database) as store:
        store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
    with page_server(tmp_path, answer="quoted"):
        yield


@pytest.mark.slow
def test_the_browsers_language_and_then_the_chosen_one_decide(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.locale", "lt-LT")
    app = open_page()
    assert app.title[0].value == "Klauskite darbo kodekso"
    ask(app, "How is night work paid?")
    assert "one and a half times the pay" in texts(app)
    assert any("Perskaityta straipsnių: 3 iš 3" in one.label for one in app.expander)
    assert "Naujas pokalbis" in labels(app)
    settings = open_page("settings")
    assert settings.title[0].value == "Nuostatos"
    settings.selectbox(key="page-language").select("en").run()
    assert settings.title[0].value == "Settings"
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.locale", "de-DE")
    assert open_page("settings").title[0].value == "Settings"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "number", "day"), [("en-GB", "1,234.5", "Mar 4, 2026"), ("lt", "1 234,5", "2026-03-04")]
)
def test_numbers_and_dates_are_written_as_in_the_language(
    server: None, monkeypatch: pytest.MonkeyPatch, locale: str, number: str, day: str
) -> None:
    from datetime import date

    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.locale", locale)
    from language import format_day, format_number  # from app/, which is on the path here

    assert format_number(1234.5, 1).replace("\xa0", " ") == number
    assert format_day(date(2026, 3, 4)) == day
