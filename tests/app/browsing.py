"""What the tests in a real browser share: a server of the page, and visitors that fail on errors in the console."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
)

expect.set_options(timeout=30_000)
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
NewVisitor = Callable[[ViewportSize], BrowserContext]


@contextmanager
def serve_page(module: str, home: Path, log_path: Path, **environ: str) -> Iterator[str]:
    """Serve the page with `python -m MODULE` and this data folder; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", *module.split(), "--port", str(port)]
    chosen = {"LABOURQA_HOME": str(home), "STREAMLIT_SERVER_HEADLESS": "true", **environ}
    with log_path.open("w") as log:
        server = subprocess.Popen(
            command, env=os.environ | chosen, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    address = f"http://localhost:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health")
            break
        except OSError:
            assert server.poll() is None, f"the server has stopped: {log_path.read_text()}"
            time.sleep(0.1)
    try:
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


@contextmanager
def visitors(browser: Browser, log_path: Path) -> Iterator[NewVisitor]:
    """Opens browser contexts; at the end, neither they nor the server may have logged an exception."""
    logged_before = len(log_path.read_text())
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note_error(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} ({message.location['url']})")

    def open_context(viewport: ViewportSize) -> BrowserContext:
        context = browser.new_context(viewport=viewport)
        context.set_default_timeout(30_000)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("console", note_error)
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        context.close()
    assert errors == []
    assert "Traceback" not in log_path.read_text()[logged_before:]


def visit(visitor: BrowserContext, address: str) -> Page:
    page = visitor.new_page()
    page.goto(address)
    expect(page.get_by_role("heading", name="Ask the labour code")).to_be_visible(timeout=30_000)
    return page


def ask(page: Page, question: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question)
    box.press("Enter")
