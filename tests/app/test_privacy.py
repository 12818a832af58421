"""Two visitors of one server in real browsers: neither reaches what belongs to the other one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from labourqa.config import Settings
from labourqa.store import Store
from tests.app.browsing import DESKTOP, PHONE, NewVisitor, ask, serve_page, visit, visitors
from tests.conftest import small_code
from tests.documents.make_pdf import Text, make_pdf
from tests.samples import make_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]
QUESTION = "Is night work paid more while I am pregnant?"
PASSPHRASE = "correct horse battery"
CODE = """LAW OF ADA

Article 1. Annual Leave
1. Annual leave lasts thirty days.

Article 2. Night Work
1. Night work is paid at three times the pay.
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("privacy")
    with Store(Settings(home=home).database) as store:
        store.editions.save(small_code(), source="nowhere.txt", sha256="0" * 64)
        store.conversations.log(make_report("A question on the command line?"))
    return home


@pytest.fixture(scope="module")
def log(home: Path) -> Path:
    return home / "server.log"


@pytest.fixture(scope="module")
def address(browser: Browser, home: Path, log: Path) -> Iterator[str]:
    with serve_page("tests.app.fake_page", home, log, LABOURQA_ANSWER="quoted") as address:
        yield address


@pytest.fixture
def new_visitor(browser: Browser, address: str, log: Path) -> Iterator[NewVisitor]:
    with visitors(browser, log) as new_visitor:
        yield new_visitor


def ask_and_wait(page: Page, question: str) -> None:
    ask(page, question)
    expect(page.get_by_text("articles read,").last).to_be_visible()


def test_a_visitor_reaches_no_conversation_of_another_one(new_visitor: NewVisitor, address: str) -> None:
    ada = visit(new_visitor(DESKTOP), address)
    ask_and_wait(ada, QUESTION)
    conversation = re.search(r"conversation=(\d+)", ada.url)
    assert conversation
    bob_context = new_visitor(DESKTOP)
    bob = visit(bob_context, address)
    expect(bob.get_by_text("pregnant")).to_have_count(0)  # in the list

    bob.goto(f"{address}/?conversation={conversation[1]}")  # by its address
    expect(bob.get_by_role("heading", name="Ask the labour code")).to_be_visible()
    expect(bob.get_by_text("pregnant")).to_have_count(0)
    assert "conversation" not in bob.url

    bob.get_by_label("Search earlier conversations").fill("pregnant")  # by a search
    bob.get_by_label("Search earlier conversations").press("Enter")
    expect(bob.get_by_text("No conversation has these words.")).to_be_visible()

    ask_and_wait(bob, "How is night work paid?")  # in an export
    bob.get_by_role("button", name="Export").click()
    with bob.expect_download() as download:
        bob.get_by_role("button", name="JSON").click()
    assert "pregnant" not in Path(download.value.path()).read_text()

    bob.goto(f"{address}/settings")  # by forgetting everything
    expect(bob.get_by_text("1 conversation of yours")).to_be_visible()
    bob.get_by_role("button", name="Forget everything").click()
    bob.get_by_role("button", name="Erase all conversations").click()
    expect(bob.get_by_text("0 conversations of yours")).to_be_visible()
    ada.reload()
    expect(ada.get_by_test_id("stChatMessage").get_by_text(QUESTION)).to_be_visible()
    assert [
        cookie.get("httpOnly") for cookie in bob_context.cookies() if cookie.get("name") == "labourqa"
    ] == [True]


def expect_printed_page(page: Page, article: str) -> None:
    """The picture of the page has the cited paragraph marked, can be enlarged, and its file can be had."""
    page.goto(article)
    page.get_by_text("Printed on page 1").click()
    picture = page.get_by_role("img", name="Page 1 of ada.pdf, with the cited text marked")
    expect(picture).to_be_visible()
    box, mark = picture.bounding_box(), page.locator(".mark").bounding_box()
    assert box
    assert mark
    # The letters of the paragraph are 680 to 687 of 842 points from the foot of the page.
    assert mark["y"] < box["y"] + (842 - 683) / 842 * box["height"] < mark["y"] + mark["height"]
    page.get_by_role("button", name="Zoom in").click()
    larger = picture.bounding_box()
    assert larger
    assert larger["width"] == pytest.approx(1.5 * box["width"], rel=0.05)
    with page.expect_download() as download:
        page.get_by_role("button", name="Open the original").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")


def test_an_uploaded_code_is_its_visitors_until_the_operator_makes_it_everyones(
    new_visitor: NewVisitor, address: str, home: Path
) -> None:
    ada, bob = new_visitor(DESKTOP).new_page(), visit(new_visitor(DESKTOP), address)
    printed = [Text(60, 800 - 20 * i, line) for i, line in enumerate(CODE.splitlines()) if line]
    ada.goto(f"{address}/settings")
    ada.locator('input[type="file"]').set_input_files(
        {"name": "ada.pdf", "mimeType": "application/pdf", "buffer": make_pdf(printed)}
    )
    ada.get_by_role("button", name="Store this code").click()
    expect(ada.get_by_role("button", name="Law of Ada")).to_be_visible()
    ada.get_by_role("link", name="Ask", exact=True).click()
    ask_and_wait(ada, "How is night work paid?")
    expect(ada.get_by_text("three times the pay").first).to_be_visible()
    with Store(Settings(home=home).database, owner=None) as store:
        law = store.editions.find("Law of Ada")
    article = f"{address}/reader?code=Law of Ada@{law.sha256[:12]}&article=2&paragraph=1"
    bob.goto(article)
    expect(bob.get_by_text("is not stored")).to_be_visible()
    expect(bob.get_by_text("three times the pay")).to_have_count(0)
    expect_printed_page(ada, article)

    with Store(Settings(home=home).database, owner=None) as store:
        store.editions.choose(law)
    new = visit(new_visitor(DESKTOP), address)
    expect(new.get_by_role("button", name="Law of Ada")).to_be_visible()
    with Store(Settings(home=home).database, owner=None) as store:
        store.editions.remove(law)


def test_only_the_browser_with_the_servers_link_is_the_local_users(
    new_visitor: NewVisitor, address: str, log: Path
) -> None:
    link = re.search(r"/sign-in/local\?key=\S+", log.read_text())
    assert link
    local, other = new_visitor(DESKTOP).new_page(), visit(new_visitor(DESKTOP), address)
    local.goto(address + link[0])
    expect(local.get_by_role("button", name="A question on the")).to_be_visible()
    expect(other.get_by_role("button", name="A question on the")).to_have_count(0)
    for page, fields in ((local, 1), (other, 0)):
        page.get_by_role("link", name="Settings").click()
        expect(page.get_by_text("Forget everything").first).to_be_visible()
        expect(page.get_by_label("Model", exact=True)).to_have_count(fields)


def test_many_pages_that_open_at_the_same_moment_show_no_error(new_visitor: NewVisitor, address: str) -> None:
    pages = [new_visitor(DESKTOP).new_page() for _ in range(6)]
    for page, path in zip(pages, ("", "reader", "settings", "compare", "evaluate", "reader"), strict=True):
        page.goto(f"{address}/{path}", wait_until="commit")
    for page in pages:
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_passphrase_opens_the_page_on_a_phone(browser: Browser, home: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with (
        serve_page("tests.app.fake_page", home, log, LABOURQA_PASSPHRASE=PASSPHRASE) as address,
        visitors(browser, log) as new_visitor,
    ):
        page = new_visitor(PHONE).new_page()
        page.goto(address)
        page.get_by_label("Passphrase of this server").fill(PASSPHRASE)
        page.get_by_role("button", name="Open the page").click()
        expect(page.get_by_role("heading", name="Ask the labour code")).to_be_visible()
        ask_and_wait(page, "How is night work paid?")
