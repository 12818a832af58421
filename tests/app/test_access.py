"""The gate of the page: who may enter, and which identity a browser gets."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from labourqa.config import PAGE, Settings

PASSPHRASE = "correct horse battery"
Browse = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def modules_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PAGE.parent))


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """A new browser on this machine, at a server with these settings; its page says who the visitor is."""
    from access import Access, sign_in_routes
    from identity import COOKIE, LocalKey, read_visitor

    local_key = LocalKey()

    def open_browser(
        address: str = "http://localhost:8501", client: str = "127.0.0.1", **chosen: Any
    ) -> TestClient:
        settings = Settings(home=tmp_path, **chosen)

        async def page(request: Any) -> HTMLResponse:
            visitor = read_visitor(request.cookies.get(COOKIE), settings)
            return HTMLResponse(visitor.owner if visitor else "no cookie yet")

        async def asset(request: Any) -> PlainTextResponse:
            return PlainTextResponse("script")

        async def stream(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text("open")

        app = Starlette(
            routes=[
                *sign_in_routes(settings, local_key), Route("/", page), Route("/reader", page),
                Route("/asset.js", asset), WebSocketRoute("/_stcore/stream", stream),
            ],
            middleware=[Middleware(Access, settings=settings)],
        )  # fmt: skip
        browser = TestClient(app, base_url=address, client=(client, 50_000))
        browser.app_state["local link"] = local_key.path
        return browser

    return open_browser


def owner(browser: TestClient) -> str:
    """Who the page says the visitor is, after the first visit gave the browser its cookie."""
    browser.get("/")
    return browser.get("/").text


def test_each_browser_has_an_identity_of_its_own_that_stays(browse: Browse) -> None:
    ada, bob = browse(), browse()
    assert re.fullmatch("visitor:[0-9a-f]{32}", owner(ada))
    assert owner(ada) == owner(ada) != owner(bob)
    reopened = browse()  # after a restart of the server
    reopened.cookies = ada.cookies
    assert owner(reopened) == owner(ada)


def test_the_cookie_is_kept_from_scripts_and_is_set_once_with_the_document(browse: Browse) -> None:
    browser = browse()
    assert "set-cookie" not in browser.get("/asset.js").headers
    first = browser.get("/", headers={"if-none-match": "anything"})
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "SameSite=lax" in first.headers["set-cookie"]
    assert "Secure" not in first.headers["set-cookie"]
    assert first.headers["cache-control"] == "no-store"
    assert "set-cookie" not in browser.get("/").headers
    encrypted = browse(address="https://localhost:8501")
    assert "Secure" in encrypted.get("/").headers["set-cookie"]


def test_a_cookie_that_the_server_did_not_sign_is_no_identity(browse: Browse, tmp_path: Path) -> None:
    from identity import Visitor, sign

    other_server = Settings(home=tmp_path / "other")
    for forged in ("local", sign(Visitor("local"), other_server), "x.y.z", '{"owner": "local"}'):
        browser = browse()
        browser.cookies.set("labourqa", forged)
        assert browser.get("/").text == "no cookie yet"


def test_the_link_that_the_server_prints_makes_a_browser_the_local_users(browse: Browse) -> None:
    browser, other = browse(), browse()
    assert browser.get(browser.app_state["local link"]).text == "local"
    assert owner(browser) == "local"
    assert owner(other) != "local"
    wrong = browse()
    assert wrong.get("/sign-in/local?key=wrong").status_code == 403
    assert wrong.get("/sign-in/local").status_code == 403
    assert owner(wrong) != "local"


@pytest.mark.parametrize(
    ("address", "client", "headers"),
    [
        ("http://labour.example.org", "127.0.0.1", {}),
        ("http://localhost:8501", "192.0.2.7", {}),
        ("http://localhost:8501", "127.0.0.1", {"x-forwarded-for": "192.0.2.7"}),
        ("http://127.0.0.1.example.org", "127.0.0.1", {}),
    ],
)
def test_other_machines_are_kept_out_until_the_operator_says_who_may_enter(
    browse: Browse, address: str, client: str, headers: dict[str, str]
) -> None:
    def visit(browser: TestClient) -> int:
        browser.headers.update(headers)
        return browser.get("/", follow_redirects=False, headers={"accept": "text/html"}).status_code

    closed = browse(address, client)
    assert visit(closed) == 403
    assert "LABOURQA_PASSPHRASE" in closed.get("/").text
    assert closed.get("/asset.js").status_code == 403
    assert closed.get(closed.app_state["local link"]).status_code == 403
    assert visit(browse(address, client, open_page=True)) == 200
    assert visit(browse(address, client, passphrase=PASSPHRASE)) == 303
    assert visit(browse("http://127.0.0.1:8501")) == (403 if headers else 200)


def test_with_a_passphrase_nothing_is_served_before_it_was_entered(browse: Browse) -> None:
    browser = browse(passphrase=PASSPHRASE)
    assert browser.get("/asset.js").status_code == 401
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("ws://localhost:8501/_stcore/stream"):
        pass
    form = browser.get("/reader?article=57", headers={"accept": "text/html"})
    assert '<label for="passphrase">' in form.text
    assert form.url.path == "/sign-in"
    wrong = browser.post(str(form.url), data={"passphrase": "wrong"})
    assert wrong.status_code == 401
    assert "This is not the passphrase." in wrong.text
    entered = browser.post(str(form.url), data={"passphrase": PASSPHRASE})
    assert (entered.url.path, entered.url.query) == ("/reader", b"article=57")
    assert entered.text.startswith("visitor:")
    with browser.websocket_connect("ws://localhost:8501/_stcore/stream") as stream:
        assert stream.receive_text() == "open"


def test_visitors_who_share_the_passphrase_do_not_share_an_identity(browse: Browse) -> None:
    browsers = [browse(passphrase=PASSPHRASE) for _ in range(2)]
    owners = {browser.post("/sign-in", data={"passphrase": PASSPHRASE}).text for browser in browsers}
    assert len(owners) == 2


def test_another_passphrase_asks_everyone_again(browse: Browse) -> None:
    browser = browse(passphrase=PASSPHRASE)
    first = browser.post("/sign-in", data={"passphrase": PASSPHRASE}).text
    changed = browse(passphrase="another passphrase")
    changed.cookies = browser.cookies
    assert changed.get("/asset.js").status_code == 401
    assert changed.post("/sign-in", data={"passphrase": "another passphrase"}).text == first


def test_passphrases_cannot_be_guessed_quickly(browse: Browse) -> None:
    browser = browse(passphrase=PASSPHRASE)
    codes = [
        browser.post("/sign-in", data={"passphrase": f"guess {number}"}).status_code for number in range(11)
    ]
    assert codes == [401] * 10 + [429]
    assert browser.post("/sign-in", data={"passphrase": PASSPHRASE}).status_code == 429


@pytest.mark.parametrize(
    "following", ["//evil.example", "https://evil.example", "/\\evil.example", '"><script>']
)
def test_the_sign_in_leads_to_no_other_site(browse: Browse, following: str) -> None:
    browser = browse(passphrase=PASSPHRASE)
    form = browser.get("/sign-in", params={"next": following})
    assert "<script>" not in form.text
    entered = browser.post(
        "/sign-in", params={"next": following}, data={"passphrase": PASSPHRASE}, follow_redirects=False
    )
    assert entered.headers["location"] == "/"
