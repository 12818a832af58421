"""Several codes and editions on the page, with models that need no torch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from labourqa.config import Settings
from labourqa.law.structure import Article, Code, Paragraph
from labourqa.store import Store
from tests.app.driver import ask, labels, open_page, page_server, texts
from tests.conftest import small_code
from tests.fakes import fake_models

QUESTION = "How is night work paid?"
OLD_NIGHT = Article(
    "2", "Night Work", (Paragraph("", "Night work is paid at one and a quarter times the pay."),)
)
GONE = Article(
    "9", "Strikes", (Paragraph("1", "A strike is called by a trade union after a vote of its members."),)
)
TWO_ACTS = """LAW ON LEAVE

Article 1. Annual Leave
1. Annual leave lasts thirty days.

Article 2. Study
1. Study leave is paid.

Article 3. Notice
1. Notice is given in writing.

LAW ON PAY

Article 1. Pay
1. Pay is paid monthly.

Article 2. Night Work
1. Night work is paid at three times the pay.
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of a server: two editions of a code, of which the newer one is current, and another code."""
    monkeypatch.setattr("labourqa.pipeline.load_models", lambda settings, progress: fake_models())
    monkeypatch.setattr("labourqa.doctor.describe_installation", lambda settings, store: {})  # imports torch
    database = Settings(home=tmp_path).database
    code = small_code()
    old = replace(code, date="2020-07-01", articles=(code.articles[0], OLD_NIGHT, code.articles[2], GONE))
    with Store(database) as store:
        store.editions.save(Code("Law on Pay", "", code.articles[1:2]), source="pay.txt", sha256="2" * 64)
        store.editions.save(old, source="old.txt", sha256="0" * 64)
        store.editions.save(code, source="new.txt", sha256="1" * 64)
    return database


@pytest.fixture
def server(database: Path) -> Iterator[None]:
    with page_server(database.parent, answer="quoted"):
        yield


def choose_code(app: AppTest, code: str, date: str = "") -> None:
    if code != selectbox(app, "Code").value:
        selectbox(app, "Code").select(code).run()
    if date:
        versions = selectbox(app, "Edition")
        versions.select_index([option[:10] for option in versions.options].index(date)).run()


def selectbox(app: AppTest, label: str) -> "Selectbox[str]":
    [found] = [one for one in app.selectbox if one.label == label]
    return found


def test_a_new_conversation_asks_the_code_and_the_edition_that_the_visitor_chose(server: None) -> None:
    app = open_page()
    choose_code(app, "Labour Code of Nowhere", "2020-07-01")
    ask(app, QUESTION)
    assert "one and a quarter times the pay" in texts(app)
    app.button(key="new").click().run()
    choose_code(app, "Law on Pay")
    ask(app, QUESTION)
    assert "one and a half times the pay" in texts(app)
    assert "1 of 1 articles read" in app.expander[0].label


def test_a_conversation_stays_with_its_code(server: None, database: Path) -> None:
    app = open_page()
    choose_code(app, "Labour Code of Nowhere", "2020-07-01")
    ask(app, QUESTION)
    conversation = app.query_params["conversation"]
    again = open_page(conversation=str(conversation))  # a new session, whose current edition is the newer one
    assert "version of 2020-07-01" in texts(again)
    assert not again.selectbox
    ask(again, "How is work at night paid?")
    assert again.expander[-1].label.startswith("4 of 4 articles read")
    with Store(database) as store:
        [old] = [edition for edition in store.editions.all() if edition.source == "old.txt"]
        store.editions.remove(old)
    again.run()
    assert "old.txt) is no longer stored" in texts(again)
    assert again.chat_input[0].disabled


def test_editions_of_the_same_date_are_told_apart_by_their_files(server: None, database: Path) -> None:
    with Store(database) as store:
        other = replace(small_code(), articles=small_code().articles[:1])
        store.editions.save(other, source="new.txt", sha256="3" * 64)
    app = open_page()
    versions = selectbox(app, "Edition")
    assert versions.options == [
        "2025-01-01 (new.txt, 33333333)", "2025-01-01 (new.txt, 11111111)", "2020-07-01",
    ]  # fmt: skip
    versions.select_index(1).run()
    ask(app, QUESTION)
    assert "3 of 3 articles read" in app.expander[0].label


def test_the_address_of_an_article_names_its_edition(server: None) -> None:
    app = open_page("reader", article="2", code="Labour Code of Nowhere@" + "0" * 12)
    assert "one and a quarter times" in texts(app)
    app.button(key="next-2^1").click().run()
    assert app.query_params["code"] == "Labour Code of Nowhere@" + "0" * 12
    choose_code(app, "Labour Code of Nowhere", "2025-01-01")
    app.text_input(key="search").set_value("2").run()
    assert "one and a half times" in texts(app)
    unknown = open_page("reader", article="2", code="Labour Code of Nowhere@" + "7" * 12)
    assert "is not stored" in texts(unknown)
    assert not unknown.exception


def test_an_article_says_since_when_it_has_changed(server: None) -> None:
    app = open_page("reader", article="2")
    assert [one.label.replace("\\", "") for one in app.expander] == ["Changed since 2020-07-01."]
    assert "quarter" not in texts(app)
    app.session_state["earlier-2"] = True  # opened
    app.run()
    assert ":red[~~quarter~~] :green[**half**]" in texts(app)
    unchanged = open_page("reader", article="1")
    assert "Changed since" not in "".join(one.label for one in unchanged.expander)


def test_two_editions_are_compared_word_by_word(server: None) -> None:
    app = open_page("compare")
    assert not app.exception
    assert "0 added, 1 removed, 0 renumbered, 1 changed, 2 unchanged." in texts(app)
    assert ":red[~~quarter~~] :green[**half**]" in texts(app)
    assert ":red[~~1. A strike is called by a trade union after a vote of its members.~~]" in texts(app)
    app.pills(key="kinds").set_value(["changed"]).run()
    assert "A strike is called" not in texts(app)
    swapped = open_page("compare", old="Labour Code of Nowhere@1111", new="Labour Code of Nowhere@0000")
    assert ":red[~~half~~] :green[**quarter**]" in texts(swapped)
    swapped.selectbox(key="old-Labour Code of Nowhere").select_index(1).run()
    assert "Choose two different editions." in texts(swapped)


def test_without_a_second_edition_there_is_nothing_to_compare(server: None, database: Path) -> None:
    with Store(database) as store:
        store.editions.remove(store.editions.current())
    app = open_page("compare")
    assert "Every code has only one edition." in texts(app)
    assert not app.exception


def test_one_of_several_acts_of_a_file_is_read_and_stored_under_a_name(server: None, database: Path) -> None:
    app = open_page("settings")
    app.file_uploader[0].upload("acts.txt", TWO_ACTS.encode()).run()
    assert "Law on Leave, no date found" in texts(app).replace("**", "")
    acts = selectbox(app, "The file has 2 acts. Which one do you want to read?")
    assert acts.options == ["1: Law on Leave, 3 articles", "2: Law on Pay, 2 articles"]
    acts.select_index(1).run()
    assert "2 articles recognised, Art. 1 to 2." in texts(app)
    assert "Night work is paid at three times the pay." in texts(app)
    with Store(database) as store:
        assert len(store.editions.all()) == 3
    selectbox(app, "Name of the code").select("Labour Code of Nowhere").run()
    app.button(key="store-code").click().run()
    assert not app.exception
    with Store(database) as store:
        assert [one.source for one in store.editions.codes()["Labour Code of Nowhere"]] == [
            "new.txt", "old.txt", "acts.txt",
        ]  # fmt: skip
    app.switch_page("app_pages/ask.py").run()
    ask(app, QUESTION)
    assert "three times the pay" in texts(app)


def test_a_name_that_no_code_can_have_is_one_sentence_and_stores_nothing(
    server: None, database: Path
) -> None:
    app = open_page("settings")
    app.file_uploader[0].upload("pay@2025.txt", "\n".join(TWO_ACTS.splitlines()[2:11]).encode()).run()
    app.button(key="store-code").click().run()
    assert "A code's name has 1 to 200 characters and no @" in texts(app)
    with Store(database) as store:
        assert len(store.editions.all()) == 3


def test_a_code_with_gaps_is_stored_after_the_visitor_saw_them(server: None, database: Path) -> None:
    app = open_page("settings")
    gaps = "LAW OF GAPS\n\n" + "".join(
        f"Article {number}. Title {number}\n1. One.\n" for number in (1, 9, 30)
    )
    app.file_uploader[0].upload("gaps.txt", gaps.encode()).run()
    assert "Numbers 2–8, 10–29 are missing." in texts(app)
    assert "Store this code all the same" in labels(app)
    app.button(key="store-code").click().run()
    assert not app.error
    with Store(database) as store:
        chosen = store.editions.chosen_by_owner()
        assert chosen is not None
        assert chosen.source == "gaps.txt"
    assert not app.warning
