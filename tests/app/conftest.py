"""The browser of the tests marked `browser`: the system's Chromium, or one that Playwright downloaded."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, sync_playwright


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    system = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=system,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
        except Error as error:
            pytest.skip(
                f"no Chromium can be started; run `playwright install chromium`: {error.message[:80]}"
            )
        yield browser
        browser.close()
