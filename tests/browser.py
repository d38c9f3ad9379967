"""Chromium without a screen, signed in to an Airflow through its own form; what a page complains of is kept."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from playwright.sync_api import FrameLocator, Page, StorageState, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")
Scheme: TypeAlias = Literal["light", "dark"]
SHOTS = os.environ.get("SCREENSHOTS", "")
"""Folder that takes the screenshots; empty: none are kept. (No test sees a variable that begins with RECSYS_.)"""
PLUGIN = "/plugin/recommendations"
PATIENCE_MS = 120_000.0
"""The longest wait for anything a page shows: machines are busy, and a page that is never right fails all the same."""
KEPT: dict[tuple[str, str, str], StorageState] = {}
"""(address, user, password) -> what the browser of who signed in there keeps, so that each goes through the form once.

Each Airflow draws its own passwords, and may have the address of one that is gone and knew other people."""
FLAGS = (
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class Browsing:
    """A page of a person who has signed in, and everything that it complained of since."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self._keep(said.text, said.type == "error"))
        page.on("pageerror", lambda error: self._keep(str(error)))
        page.on("response", lambda answer: self._keep(f"{answer.status} {answer.url}", answer.status >= 400))
        page.on("requestfailed", lambda asked: self._keep(f"{asked.failure} {asked.url}", not _given_up(asked.failure)))

    def frame(self) -> FrameLocator:
        """The plugin's page, which the UI shows in a frame."""
        return self.page.frame_locator("iframe")

    def enter(self, view: str) -> FrameLocator:
        """Go to one of the plugin's views by its navigation; the frame that shows it."""
        self.page.goto(PLUGIN)
        return self.turn_to(view)

    def turn_to(self, view: str) -> FrameLocator:
        """Go on to another of the views, from the one that is shown; the frame that shows it."""
        frame = self.frame()
        link = frame.get_by_role("link", name=view, exact=True)
        link.wait_for()
        # The page before has the same link, and may be the same view; the page around it changes its own address too.
        with self.page.expect_event("framenavigated", lambda gone: gone.parent_frame is not None):
            link.click()
        frame.locator("nav a[aria-current]", has_text=view).wait_for()
        return frame

    def shot(self, name: str) -> None:
        """Keep a screenshot of what is seen, where somebody wants them."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", animations="disabled")

    def _keep(self, said: str, complaint: bool = True) -> None:
        if complaint:
            self.complaints.append(said)


@contextmanager
def signed_in(
    url: str,
    user: str,
    password: str,
    width: int = 1280,
    height: int = 900,
    scheme: Scheme = "light",
) -> Iterator[Browsing]:
    """A new browser of a person who has signed in, which shows nothing yet; UTC, as all dates are meant."""
    assert CHROMIUM is not None, "mark the test with needs_chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            size = {"width": width, "height": height}
            known = KEPT.get((url, user, password))
            context = browser.new_context(
                viewport=size, color_scheme=scheme, timezone_id="UTC", base_url=url, storage_state=known
            )
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            if known is None:
                _sign_in(page, user, password)
                KEPT[url, user, password] = context.storage_state()
            yield Browsing(page)
        finally:
            browser.close()


def _sign_in(page: Page, user: str, password: str) -> None:
    """Go through Airflow's own form, until its first page is there."""
    page.goto("/")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_test_id("nav-home-link").wait_for()


def _given_up(failure: str | None) -> bool:
    """Whether the page itself ended a request because it went elsewhere."""
    return failure == "net::ERR_ABORTED"
