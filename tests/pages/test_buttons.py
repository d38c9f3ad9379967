"""The buttons of the candidates in a browser, without Airflow around them: all are there, and cover nothing."""

import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import CHROMIUM, FLAGS, SHOTS, needs_chromium
from pages_store import refused
from settings import TOML

from recsys_tasks.core.services import Service
from recsys_tasks.serving.reader import Reader

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture
def served(monkeypatch, tmp_path):
    """A function that serves the pages of a store to somebody who may act; gives the address."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    import uvicorn
    from fastapi import FastAPI
    from recsys_ui import asking, browse, views

    from recsys_tasks.pages.acting import standing
    from recsys_tasks.pages.remembered import log_of

    @contextmanager
    def serve(store):
        monkeypatch.setenv("RECSYS_ROOT", str(store.root))
        app = FastAPI()
        (tmp_path / "config.toml").write_text(TOML)  # the page of candidates asks it what a day is
        app.state.service = Service("", tmp_path / "config.toml", store.root)
        app.include_router(browse.router)
        app.include_router(views.router)
        app.include_router(asking.router)
        rights = {"user": "olga", "may_act": True, "may_backfill": True}
        app.get("/acts")(lambda: rights | standing(store, log_of(store)))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        started = threading.Event()
        begin = server.startup

        async def startup(sockets=None):
            await begin(sockets)
            started.set()

        server.startup = startup
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            assert started.wait(60)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()

    return serve


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("width", [1400, 800])
def test_every_row_has_its_buttons_and_they_cover_no_reason(served, copied, width):
    """Roll back, release and judge again stand in the first column, nothing is said to have failed, and no reason lies
    below a button, however narrow the window."""
    from playwright.sync_api import sync_playwright

    refused(copied)
    with served(copied.store) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": width, "height": 1000})
            page.goto(f"{address}/candidates")
            for name in ("Release the candidate", "Judge the candidate", "Roll back to 1"):
                page.get_by_role("button", name=name).first.wait_for()
            assert page.locator("#said").inner_text() == ""
            buttons = [each.bounding_box() for each in page.locator(".acts button").all()]
            reasons = [each.bounding_box() for each in page.locator("td.why").all()]
            assert not [(b, r) for b in buttons for r in reasons if _overlap(b, r)]
        finally:
            browser.close()


@pytest.mark.browser
@needs_chromium
def test_a_listener_can_be_erased_from_their_page(served, copied):
    """The dialog says what is lost and that it cannot be undone; what is sent names the listener in its body alone."""
    from playwright.sync_api import sync_playwright

    listener = str(Reader(copied.store).bundle.users.ids[3].as_py())
    with served(copied.store) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            sent = []
            page.route(
                "**/acts/*",
                lambda route: (sent.append(route.request), route.fulfill(json={"page": f"{address}/live?"})),
            )
            page.goto(f"{address}/ask?listener={listener}")
            page.get_by_role("button", name="Exclude …").wait_for()
            page.get_by_role("button", name="Erase …").click()
            dialog = page.get_by_role("dialog")
            assert "cannot be undone" in dialog.inner_text()
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/erase.png")
            dialog.get_by_label("Reason").fill("they wrote to us")
            dialog.get_by_role("button", name="Erase").click()
            page.wait_for_url("**/live?")
            body = {"listener": listener, "seen": 3, "why": "they wrote to us"}
            assert [(each.url, each.post_data_json) for each in sent] == [(f"{address}/acts/erase", body)]
        finally:
            browser.close()


def _overlap(one, other):
    """Whether two boxes have a common point."""
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "width"), ("y", "height"))
    )
