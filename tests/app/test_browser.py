"""The page in a real browser: the system's Chromium, or one that Playwright downloaded."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from labourqa.store import Store
from tests.app.browsing import DESKTOP, PHONE, NewVisitor, ask, serve_page, visit, visitors

pytestmark = [pytest.mark.model, pytest.mark.browser]
ANSWER_MS = 180_000  # to answer a question on a slow machine, loading the model included
NIGHT = "Do they need to pay more for working at night?"
CODE = """LABOUR CODE OF NOWHERE

Article 1. Annual Leave
1. Annual leave lasts thirty days.
2. It may be taken in parts.

Article 2. Night Work
1. Night work is paid at three times the pay.

Article 3. Notice
1. An employee may resign with a notice of one month.
"""


@pytest.fixture(scope="module")
def home(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("page")
    for name in ("models", "article-cache"):
        (home / name).symlink_to(prepared_home / name, target_is_directory=True)
    with closing(sqlite3.connect(prepared_home / "labourqa.db")) as database:
        database.execute("VACUUM INTO ?", [str(home / "labourqa.db")])
    with Store(home / "labourqa.db") as store:
        store.conversations.erase_all()
    return home


@pytest.fixture(scope="module")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "server.log"


@pytest.fixture(scope="module")
def address(browser: Browser, home: Path, server_log: Path) -> Iterator[str]:
    """The address of a page that `labourqa ui` serves."""
    with serve_page("labourqa ui", home, server_log, LABOURQA_MODEL="smollm2-135m") as address:
        yield address


@pytest.fixture
def new_visitor(browser: Browser, address: str, server_log: Path) -> Iterator[NewVisitor]:
    with visitors(browser, server_log) as new_visitor:
        yield new_visitor


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> BrowserContext:
    return new_visitor(DESKTOP)


def expect_answer(page: Page) -> None:
    expect(page.get_by_text("articles read,").last).to_be_visible(timeout=ANSWER_MS)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_question_from_the_click_to_the_export(
    new_visitor: NewVisitor, address: str, viewport: ViewportSize
) -> None:
    visitor = new_visitor(viewport)
    asked_for: list[str] = []
    visitor.on("request", lambda request: asked_for.append(request.url))
    page = visit(visitor, address)
    page.get_by_role("button", name=NIGHT).click()
    expect(page.get_by_text("of 257 articles read").first).to_be_visible(timeout=ANSWER_MS)  # progress
    expect_answer(page)

    # The citation opens its article, with the cited paragraph highlighted and in sight.
    page.get_by_role("link", name="Art. 144(3)").first.click()
    cited = page.locator('[class*="st-key-cited-"]')
    expect(cited).to_have_text(re.compile("Night work must be paid at no less than one and a half times"))
    expect(cited).to_be_in_viewport()
    expect(cited).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    page.keyboard.press("Escape")
    expect(cited).to_be_hidden()

    # Another threshold selects other articles.
    page.get_by_text("257 of 257 articles read,").last.click()
    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("Home")
    expect(page.get_by_text("12 would be selected")).to_be_visible()

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Markdown").click()
    text = Path(download.value.path()).read_text()
    assert "one and a half times" in text
    assert "**[Art. 144(3)]**" in text

    page.reload()
    expect_answer(page)
    expect(
        page.get_by_text("Night work must be paid at no less than one and a half times").first
    ).to_be_visible()
    assert page.evaluate(
        "document.documentElement.scrollWidth <= window.innerWidth"
    )  # nothing hangs over the edge
    assert [
        url for url in asked_for if not url.startswith((address, "data:", "blob:"))
    ] == []  # nothing from elsewhere


def test_two_visitors_ask_at_the_same_time(new_visitor: NewVisitor, address: str) -> None:
    pages = [visit(new_visitor(DESKTOP), address) for _ in range(2)]
    ask(pages[0], "How long is annual leave?")
    ask(pages[1], "What is the longest trial period?")
    for page, words in zip(pages, ("20 working days", "three months"), strict=True):
        expect_answer(page)
        expect(page.get_by_text(words).first).to_be_visible()


def test_a_stopped_question_can_be_asked_again(visitor: BrowserContext, address: str) -> None:
    page = visit(visitor, address)
    ask(page, "How long is annual leave?")
    page.get_by_role("button", name="Stop").last.click()
    expect(page.get_by_text("Stopped before there was an answer.")).to_be_visible(timeout=ANSWER_MS)
    page.get_by_role("button", name="Ask again").click()
    expect_answer(page)


def test_a_closed_tab_leaves_the_engine_to_others(visitor: BrowserContext, address: str) -> None:
    gone = visit(visitor, address)
    ask(gone, "How long is annual leave?")
    expect(gone.get_by_text("articles read").first).to_be_visible(timeout=ANSWER_MS)
    gone.close()
    page = visit(visitor, address)
    ask(page, "What is the longest trial period?")
    expect_answer(page)


def test_what_a_visitor_types_stays_text(visitor: BrowserContext, address: str) -> None:
    page = visit(visitor, address)
    hostile = (
        "<b>May</b> I be ![dismissed](http://localhost/x.png) while ill? <script>document.title='no'</script>"
    )
    ask(page, hostile)
    expect_answer(page)
    expect(page.get_by_test_id("stChatMessage").get_by_text(hostile)).to_be_visible()
    assert page.locator('img[src*="x.png"]').count() == 0
    assert page.title() != "no"


def test_conversations_are_renamed_deleted_and_forgotten(
    visitor: BrowserContext, address: str, home: Path
) -> None:
    with Store(home / "labourqa.db", owner=None) as store:
        store.conversations.erase_all()
    page = visit(visitor, address)
    ask(page, "How long is annual leave?")
    expect_answer(page)
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_text("Rename", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Holidays")
    page.get_by_label("Name", exact=True).press("Enter")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("button", name="Holidays", exact=True)).to_be_visible()
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Ask the labour code")).to_be_visible()
    expect(page.get_by_text("articles read,")).to_have_count(0)  # nor is the deleted answer on the page
    with Store(home / "labourqa.db", owner=None) as store:
        assert store.conversations.search() == []

    ask(page, "How long is annual leave?")
    expect_answer(page)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text("1 conversation of yours")).to_be_visible()
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("button", name="Erase all conversations").click()
    expect(page.get_by_text("0 conversations of yours")).to_be_visible()
    with Store(home / "labourqa.db", owner=None) as store:
        assert store.conversations.search() == []


def test_another_code_is_shown_before_it_is_stored_and_then_answers_questions(
    visitor: BrowserContext, address: str, home: Path
) -> None:
    page = visitor.new_page()
    page.goto(f"{address}/settings")
    page.locator('input[type="file"]').set_input_files(
        {"name": "nowhere.txt", "mimeType": "text/plain", "buffer": CODE.encode()}
    )
    expect(page.get_by_text("3 articles recognised")).to_be_visible()
    with Store(home / "labourqa.db", owner=None) as store:
        assert len(store.editions.all()) == 1
    page.get_by_role("button", name="Store this code").click()
    expect(page.get_by_role("button", name="Labour Code of Nowhere")).to_be_visible()
    expect(page.get_by_text("3 articles recognised")).to_be_hidden()
    page.get_by_role("link", name="Ask", exact=True).click()
    ask(page, "How is night work paid?")
    expect(page.get_by_text("3 of 3 articles read,").last).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_text("three times the pay").first).to_be_visible()
