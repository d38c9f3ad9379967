"""The routes of the page *Try it* without Airflow around them; the rights are Airflow's, and tested with it."""

from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture
def client(monkeypatch):
    """A function that serves the routes of the page from a store."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from recsys_ui import asking
    from recsys_ui.web import Sorry, sorry

    from recsys_tasks.core.services import Service

    def serve(at):
        app = FastAPI()
        app.state.service = Service("", None, at.store.root)
        app.include_router(asking.router)
        app.add_exception_handler(Sorry, sorry)
        return TestClient(app, follow_redirects=False)

    return serve


@pytest.fixture
def ask(client, finished):
    """Ask the finished store for a path below the page."""
    server = client(finished)
    return lambda path="", **given: server.get(f"/ask{path}", params=given)
