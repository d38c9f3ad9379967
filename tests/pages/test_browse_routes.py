"""The routes of the pages on the past: addresses are understood or refused in words."""

from dataclasses import replace
from pathlib import Path

import pytest
from pages_store import log_file
from settings import TOML, damage

from recsys_tasks.release.lineage import lineage


@pytest.fixture
def ask(finished, tmp_path, monkeypatch):
    """The routes of these pages without Airflow around them, over the finished store."""
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from recsys_tasks.core.errors import RecsysError
    from recsys_tasks.core.services import Service

    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "plugins"))
    from recsys_ui import browse
    from recsys_ui.web import Sorry, sorry

    (tmp_path / "recsys.toml").write_text(TOML)
    app = FastAPI()
    app.state.service = Service("", tmp_path / "recsys.toml", finished.store.root)
    app.include_router(browse.router)
    for refusal in (Sorry, RecsysError, OSError):
        app.add_exception_handler(refusal, sorry)
    return TestClient(app).get


class TestRoutes:
    def test_the_way_back_of_a_release_is_shown(self, ask, finished):
        """Every station's digest, every date, the run and the libraries stand on the page."""
        page, found = ask("/lineage/2").text, lineage(finished.store, "2")
        for digest in (found["candidate"], found["factors"]["digest"], found["matrix"]["digest"]):
            assert digest in page
        assert all(row["digest"][:16] in page for row in found["partitions"])
        assert found["runs"][0]["run_id"] in page
        assert "numpy" in page
        assert ask(f"/lineage/{found['candidate'][:8]}").text == page

    @pytest.mark.parametrize(
        "name", ["9", "0", "ffffffff", "x", "abc", "2%00", "..%2f2", "-1", "F" * 16, "1" * 13, "%D9%A2"]
    )
    def test_an_unknown_name_is_a_kind_404(self, ask, name):
        """No such release, no such candidate, and what is no name at all."""
        answer = ask(f"/lineage/{name}")
        assert answer.status_code == 404
        assert "store" not in answer.text

    def test_addresses_are_understood_or_left_out(self, ask):
        """The queries of both tables; nonsense is no error."""
        assert "2026-01-14" in ask("/candidates?verdict=PASS&from=2026-01-14&page=1&log=1").text
        assert "There is no verdict" in ask("/candidates?verdict=x&page=-1&log=zz").text
        assert ask("/history?dates=30").status_code == ask("/history?dates=x").status_code == 200
        assert "script-src 'self'" in ask("/history").headers["content-security-policy"]
        assert "style=" not in ask("/history").text + ask("/candidates").text + ask("/lineage/1").text

    def test_a_damaged_log_is_said(self, ask, copied):
        """Without a sound log nothing is claimed: what is damaged is named."""
        damage(log_file(copied.store, 2))
        state = ask.__self__.app.state
        state.service = replace(state.service, root=copied.store.root)
        for path in ("/history", "/candidates", "/lineage/1"):
            answer = ask(path)
            assert (answer.status_code, "not a sound log entry" in answer.text) == (503, True)
