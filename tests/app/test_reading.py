"""Reading an answer in a real browser: the article beside it, where the page scrolls to, the keyboard, a phone."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from labourqa.config import Settings
from labourqa.law.structure import Code
from labourqa.store import Store
from tests.app.browsing import DESKTOP, PHONE, NewVisitor, ask, serve_page, visit, visitors

pytestmark = [pytest.mark.browser, pytest.mark.slow]
QUESTION = "Must the employer pay more for working at night?"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reading") / "server.log"


@pytest.fixture(scope="module")
def address(browser: Browser, code: Code, log: Path) -> Iterator[str]:
    some = tuple(
        one for one in code.articles if 65 <= int(one.number.partition("^")[0]) <= 125
    )  # read sooner than all
    with Store(Settings(home=log.parent).database) as store:
        store.editions.save(replace(code, articles=some), source="labour-code-lt.en.txt", sha256="0" * 64)
    with serve_page(
        "tests.app.fake_page", log.parent, log, LABOURQA_ANSWER="quoted", LABOURQA_TOP="3"
    ) as address:
        yield address


@pytest.fixture(scope="module")
def new_visitor(browser: Browser, address: str, log: Path) -> Iterator[NewVisitor]:
    with visitors(browser, log) as new_visitor:
        yield new_visitor


@pytest.fixture(scope="module")
def page(new_visitor: NewVisitor, address: str) -> Page:
    """A page with an answer."""
    page = visit(new_visitor(DESKTOP), address)
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_focused()
    ask(page, QUESTION)
    expect(page.get_by_text("articles read,")).to_be_visible(timeout=90_000)
    return page


def expect_scrolled_to_question(page: Page) -> None:
    page.wait_for_function(
        """() => {
          const questions = document.querySelectorAll('[class*="st-key-question-of-"]')
          const top = [...questions].at(-1).getBoundingClientRect().top
          return 0 <= top && top < 150
        }"""
    )


def test_the_page_shows_the_question_and_the_beginning_of_its_answer(page: Page) -> None:
    expect(page.get_by_test_id("stChatMessage").first).to_be_in_viewport()
    expect_scrolled_to_question(page)
    page.reload()
    expect(page.get_by_text("articles read,")).to_be_visible()
    expect(page.get_by_test_id("stChatMessage").first).to_be_in_viewport()
    expect_scrolled_to_question(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)


def test_an_article_opens_beside_the_answer_and_back_leads_through_what_was_read(page: Page) -> None:
    pane = page.locator(".st-key-article-pane")
    opened_from = page.get_by_test_id("stChatMessage").get_by_role("link", name=re.compile(r"Art\. \d")).first
    opened_from.click()
    expect(pane).to_be_visible()
    answer, beside = page.get_by_test_id("stChatMessage").last.bounding_box(), pane.bounding_box()
    assert answer
    assert beside
    assert answer["x"] + answer["width"] <= beside["x"]
    expect(pane.get_by_role("link", name="in the code")).to_be_in_viewport()

    page.goto(f"{page.url.split('&')[0]}&code=Labour Code@000000000000&article=72&paragraph=2")
    expect(pane.get_by_role("heading", name="Article 72.")).to_be_visible()
    first = page.url
    expect(pane.locator('[class*="st-key-cited-"]')).to_be_in_viewport()
    expect(page.locator("html")).to_have_attribute(
        "data-follows-links", "yes"
    )  # later than the pane where it is slow
    expect(page.get_by_text("articles read,")).to_be_visible()
    expect(
        page.get_by_test_id("stStatusWidget")
    ).to_be_hidden()  # Streamlit drops a click while it draws the page
    pane.get_by_role("link", name="Article 72^1").click()
    expect(pane.get_by_role("heading", name="Article 72¹.")).to_be_visible()
    page.go_back()
    expect(pane.get_by_role("heading", name="Article 72.")).to_be_visible()
    assert page.url == first
    page.keyboard.press("Escape")
    expect(pane).to_be_hidden()
    page.wait_for_url(re.compile(r"\?conversation=\d+$"))


def test_the_keyboard_alone_opens_and_closes_an_article(page: Page) -> None:
    link = page.get_by_test_id("stChatMessage").get_by_role("link", name=re.compile(r"Art\. \d")).first
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-article-pane")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-article-pane")).to_be_hidden()
    expect(link).to_be_focused()


def test_two_tabs_of_one_person_agree(page: Page) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_text("articles read,")).to_have_count(1)
    ask(other, "And what about a business trip?")
    expect(page.get_by_text("articles read,")).to_have_count(2)
    expect(
        page.get_by_test_id("stChatMessage").get_by_text("And what about a business trip?", exact=True)
    ).to_be_visible()
    other.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_page_has_a_serious_violation_of_accessibility(
    page: Page, colours: Literal["light", "dark"]
) -> None:
    conversation, address = page.url, page.url.split("?")[0]
    page.emulate_media(color_scheme=colours)
    place = "code=Labour Code@000000000000&article=72&paragraph=2"
    paths = (
        f"{conversation.removeprefix(address)}&{place}",
        f"reader?{place}",
        "compare",
        "side_by_side",
        "lists",
        "evaluate",
        "settings",
        "",
    )
    for path in paths:
        page.goto(f"{address}{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_test_id("stStatusWidget")).to_be_hidden()
        violations = Axe().run(page).response["violations"]
        serious = [one for one in violations if one["impact"] in ("serious", "critical")]
        assert [
            (one["id"], node["html"], node["failureSummary"]) for one in serious for node in one["nodes"]
        ] == []
    page.goto(conversation)


def test_a_long_question_is_counted_before_it_is_sent(page: Page) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill("word " * 100)
    expect(page.get_by_text("500 of 2,000 characters, about")).to_be_visible()
    box.fill("word " * 500)
    expect(page.get_by_text("2,500 of 2,000 characters")).to_be_visible()
    box.fill("")
    expect(page.get_by_text("of 2,000 characters")).to_be_hidden()


def test_on_a_phone_the_menu_closes_and_the_article_covers_the_page(
    new_visitor: NewVisitor, address: str
) -> None:
    page = visit(new_visitor(PHONE), address)
    ask(page, QUESTION)
    expect(page.get_by_text("articles read,")).to_be_visible()
    page.get_by_test_id("stExpandSidebarButton").click()
    chosen = page.get_by_test_id("stSidebar").get_by_role("button", name=QUESTION)
    expect(page.get_by_text("Today")).to_be_visible()
    chosen.click()
    expect(page.get_by_test_id("stExpandSidebarButton")).to_be_visible()
    page.get_by_test_id("stChatMessage").get_by_role("link", name=re.compile(r"Art\. \d")).first.click()
    expect(page.locator(".st-key-article-pane")).to_be_visible()
    box = page.locator(".st-key-article-pane").bounding_box()
    assert box
    assert (box["x"], box["width"]) == (0, PHONE["width"])
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".st-key-article-pane")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_with_a_zoom_of_200_percent_nothing_hangs_over_the_edge(page: Page) -> None:
    page.set_viewport_size({"width": DESKTOP["width"] // 2, "height": DESKTOP["height"] // 2})
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
