"""The pages of the API server, asked through Airflow's own application: who may read which report, and nothing else."""

import json
import os
import shutil
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from settings import TOML

from recsys_tasks.release.judgements import REPORT, Judgements
from recsys_tasks.steps.report import write_report
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.run_records import RunRecords

DAG_ID = "daily_recommendations"
DAY = date(2026, 1, 15)
RUN = "scheduled__2026-01-16T00:00:00+00:00"
USERS = {"vic": "viewer", "ned": ""}  # ned may log in, and read nothing


@pytest.fixture(scope="module")
def store(finished, tmp_path_factory):
    """A store in which the last day has a report, and a run that judged it."""
    from recsys_tasks.steps import Workplace

    root = tmp_path_factory.mktemp("pages") / "store"
    shutil.copytree(finished.store.root, root)
    at = Workplace(PosixStore(root), finished.config)
    judgement = at.judgements.of(DAY)[0].name
    write_report(at, DAY, judgement)
    result = {"day": DAY.isoformat(), "judgement": judgement}
    at.runs.save(RUN, "evaluate", {"began": "", "result": result})
    at.runs.save("by hand", "evaluate", {"began": "", "result": result})
    at.runs.save("waiting", "extract_streams", {"began": ""})
    return at.store


@pytest.fixture(scope="module")
def server(airflow_home, store, tmp_path_factory):
    """Airflow's API server with the plugin, in this process."""
    patch = pytest.MonkeyPatch()
    (airflow_home / "passwords.json").write_text(json.dumps(dict.fromkeys(USERS, "x")))
    patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(airflow_home / "passwords.json"))
    patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{u}:{role}" for u, role in USERS.items()))
    patch.setenv("RECSYS_ROOT", str(store.root))
    config = tmp_path_factory.mktemp("config") / "recsys.toml"
    config.write_text(TOML)
    patch.setenv("RECSYS_CONFIG", str(config))
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    with TestClient(create_app(apps="core")) as client:
        yield client
    patch.undo()


@pytest.fixture
def ask(server):
    """Ask for a path as a user; None is nobody."""

    def asked(path, user="vic", **options):
        headers = {}
        if user:
            said = server.post("/auth/token", json={"username": user, "password": "x"})
            headers["Authorization"] = f"Bearer {said.json()['access_token']}"
        server.cookies.clear()
        return server.get(path, headers=headers, **options)

    return asked


@pytest.fixture
def own(store):
    """Path of the stored report's page."""
    return f"/recsys/report/{DAY}/{Judgements(store).of(DAY)[0].name}"


class TestWhoMayRead:
    def test_a_viewer_reads_the_stored_page(self, ask, own, store):
        """The stored bytes, as HTML that runs no script, loads nothing and is kept by no cache."""
        answer = ask(own)
        assert answer.status_code == 200
        assert answer.content == Judgements(store).report(Judgements(store).of(DAY)[0])
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
        assert "script" not in answer.headers["content-security-policy"]
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")

    def test_nobody_reads_without_rights_on_the_dag(self, ask, own):
        """Every route, with true names and false ones: 401 for a stranger, 403 for a user without the DAG."""
        from recsys_pages import pages

        app = pages()
        assert not {"/docs", "/openapi.json"} & {route.path for route in app.routes}
        for path in (own, "/recsys/report/x/y", f"/recsys/report?dag_id={DAG_ID}&run_id=waiting", "/recsys/report"):
            assert ask(path, None).status_code == 401
            assert ask(path, "ned").status_code == 403

    @pytest.mark.parametrize("path", ["/recsys/docs", "/recsys/redoc", "/recsys/openapi.json", "/recsys/x"])
    def test_there_is_nothing_else(self, ask, path):
        """No documentation, no schema, no listing."""
        assert ask(path).status_code == 404


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "2026-01-15/none",
            "2026-01-15/ffffffffffffffff-ffffffffffffffff",
            "2026-01-15/ffffffffffffffff-none/",
            "2026-01-15/*-none",
            "2026-01-15/..%2f..%2freleases",
            "2026-01-15/%2e%2e",
            "2026-01-15/ffffffffffffffff-none%00",
            "2026-01-15/ffffffffffffffff-none%0a",
            "2026-13-45/ffffffffffffffff-none",
            "*/ffffffffffffffff-none",
            "0/ffffffffffffffff-none",
            "20260115/ffffffffffffffff-none",
            "..%2f2026-01-15/ffffffffffffffff-none",
            "%D9%A2026-01-15/ffffffffffffffff-none",
            "..%2f..%2f..%2fetc/passwd",
        ],
    )
    def test_a_name_that_the_store_did_not_give_is_not_found(self, ask, name):
        """Unknown, malformed and climbing names are 404, and say nothing of the disk."""
        answer = ask(f"/recsys/report/{name}")
        assert answer.status_code == 404
        assert "store" not in answer.text
        assert "root:" not in answer.text

    def test_a_judgement_without_a_page_says_so(self, ask, store):
        """Judged, but its report was not written: a sentence, not an error."""
        earlier = Judgements(store).of(date(2026, 1, 14))[0]
        if store.holds(f"{earlier.place}/{REPORT}"):
            store.remove(f"{earlier.place}/{REPORT}")
        answer = ask(f"/recsys/report/2026-01-14/{earlier.name}")
        assert (answer.status_code, "not written yet" in answer.text) == (404, True)


class TestRuns:
    def test_a_run_leads_to_its_report(self, ask, own):
        """The run's own judgement, although its id holds signs that an address quotes."""
        answer = ask("/recsys/report", params={"dag_id": DAG_ID, "run_id": RUN})
        assert (answer.status_code, answer.content) == (200, ask(own).content)

    @pytest.mark.parametrize(
        ("dag_id", "run_id", "said"),
        [
            (DAG_ID, "waiting", "judged nothing yet"),
            (DAG_ID, "../../releases/log", "judged nothing yet"),
            (DAG_ID, "", "judged nothing yet"),
            (DAG_ID, "x" * 5000, "judged nothing yet"),
            (DAG_ID, "by_hand", "judged nothing yet"),
            ("release_freshness", RUN, "a run of release_freshness has none"),
            ("<script>alert(1)</script>", RUN, "a run of &lt;script&gt;alert(1)&lt;/script&gt; has none"),
        ],
    )
    def test_a_run_without_a_report_is_told_kindly(self, ask, dag_id, run_id, said):
        """Not judged yet, another DAG, a name that only looks alike, a climbing one: a sentence, everything escaped."""
        answer = ask("/recsys/report", params={"dag_id": dag_id, "run_id": run_id})
        assert answer.status_code == 404
        assert said in answer.text
        assert "<script>" not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")

    def test_a_record_that_was_tampered_with_leads_nowhere(self, ask, store):
        """A climbing judgement in a run's record is looked up like any other name, and no other file is read."""
        outside = store.root / "releases" / "ffffffffffffffff-none"
        outside.mkdir()
        (outside / "report.html").write_text("not a report")
        result = {"day": DAY.isoformat(), "judgement": f"../../releases/{outside.name}"}
        RunRecords(store).save("tampered", "evaluate", {"began": "", "result": result})
        assert ask("/recsys/report", params={"dag_id": DAG_ID, "run_id": "tampered"}).status_code == 404

    def test_a_server_without_a_store_says_what_to_set(self, ask, own, monkeypatch):
        """RECSYS_ROOT is missing on the API server: named, instead of an error 500."""
        monkeypatch.delenv("RECSYS_ROOT")
        assert "Set RECSYS_ROOT" in ask(own).text


class TestInAirflow:
    def test_the_view_stands_on_every_run(self, ask):
        """Airflow loads the plugin without an error, and its UI is told of the page of a run."""
        plugins = {plugin["name"]: plugin for plugin in ask("/api/v2/plugins").json()["plugins"]}
        views = {view["destination"]: view for view in plugins["recsys"]["external_views"]}
        assert views["nav"]["href"] == "/recsys/live"
        assert views["dag"]["href"] == "/recsys/dag?dag_id={DAG_ID}"
        view = views["dag_run"]
        assert view["href"] == "/recsys/report?dag_id={DAG_ID}&run_id={RUN_ID}"
        assert ask("/api/v2/plugins/importErrors").json()["total_entries"] == 0

    def test_the_button_of_a_task_leads_to_the_page_of_its_run(self, ask):
        """The operator link is quoted, so that a plus sign of a run's id stays one."""
        from recsys_links import ReportLink

        link = ReportLink().get_link(None, ti_key=SimpleNamespace(dag_id=DAG_ID, run_id=RUN))
        assert parse_qs(urlsplit(link).query) == {"dag_id": [DAG_ID], "run_id": [RUN]}
        assert ask(link).status_code == 200

    def test_loading_the_plugin_costs_a_worker_no_api_server(self, airflow_home):
        """The file alone, as a scheduler or a worker loads it, imports nothing of the API's routes."""
        import subprocess
        import sys

        code = "import sys, recsys_pages; print('airflow.api_fastapi.core_api.security' in sys.modules)"
        plugins = str(Path(__file__).parents[2] / "plugins")
        environment = os.environ | {"PYTHONPATH": plugins}
        found = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert found.stdout.strip().splitlines()[-1] == "False"
