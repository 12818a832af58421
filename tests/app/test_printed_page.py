"""The original text of a cited paragraph on the page; the picture of a PDF's page is tested in test_privacy.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labourqa.config import Settings
from labourqa.pipeline import Assistant
from labourqa.store import Store
from tests.app.driver import open_page, page_server, texts
from tests.conftest import small_code
from tests.fakes import fake_models

pytestmark = pytest.mark.slow
CODE = """LABOUR CODE OF NOWHERE

Article 1. Leave
1. Leave lasts <b>thirty</b> days.
2. It may be taken in parts.

Article 2. Night Work
1. Night work is paid at three times the pay.
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("labourqa.pipeline.load_models", lambda settings, progress: fake_models())
    (tmp_path / "nowhere.txt").write_text(CODE)
    settings = Settings(home=tmp_path)
    with Store(settings.database) as store:
        store.editions.save(small_code(), source="old.txt", sha256="0" * 64)
        assistant = Assistant(settings, store)
        store.editions.mark_ready(assistant.ingest(tmp_path / "nowhere.txt", name="Nowhere", force=True))
    with page_server(tmp_path):
        yield tmp_path


def test_the_lines_of_a_cited_paragraph_are_marked_in_the_original_text(home: Path) -> None:
    app = open_page("reader", code="Nowhere", article="1", paragraph="1")
    assert [one.label for one in app.expander] == ["The original text"]
    app.session_state["original-1-1"] = True  # opened
    app.run()
    [shown] = [element.proto.body for element in app.get("html") if "original-lines" in element.proto.body]
    assert "<span>4</span><mark>1. Leave lasts &lt;b&gt;thirty&lt;/b&gt; days.</mark>" in shown
    assert "<span>5</span><i>2. It may be taken in parts.</i>" in shown
    assert not app.exception


def test_an_edition_whose_file_was_not_kept_has_no_printed_page(home: Path) -> None:
    app = open_page("reader", code="Labour Code of Nowhere", article="1")
    assert "Leave is annual or special." in texts(app)
    assert [one.label for one in app.expander] == []
