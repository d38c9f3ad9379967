"""The plugin in an Airflow that lacks something: one page says what, and everything else of that Airflow lives."""

import html
import importlib.util
import json
import logging
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LACKING = """
import json, sys

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Lacking())
from airflow.api_fastapi.app import create_app
from airflow.dag_processing.dagbag import DagBag
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.plugins_manager import get_timetables_plugins
from fastapi.testclient import TestClient

bag = DagBag({dags!r})
found = {{
    "dags": sorted(bag.dags),
    "errors": sorted(text.strip().splitlines()[-1] for text in bag.import_errors.values()),
    "timetables": sorted(get_timetables_plugins()),
}}
with TestClient(create_app(apps="core")) as client:
    said = client.post("/auth/token", json={{"username": "ada", "password": "x"}})
    signed = {{"Authorization": f"Bearer {{said.json()['access_token']}}"}}
    found["health"] = client.get("/api/v2/monitor/health").status_code
    found["unsigned"] = client.get("/recsys/live").status_code
    for path in ("/recsys/", "/recsys/live", "/recsys/music/candidates", "/recsys/dag?dag_id=x"):
        answer = client.get(path, headers=signed)
        found[path] = answer.status_code, answer.text
print("FOUND" + json.dumps(found))
"""
FOREIGN = """
from airflow.sdk import DAG, task

@task
def hello():
    print("hello")

with DAG("foreign"):
    hello()
"""


@pytest.fixture
def guest(airflow_home, monkeypatch, tmp_path):
    """A function that loads plugins, a foreign DAG and ours in a Python that refuses some modules; what it found."""
    (tmp_path / "dags" / "recommendations").mkdir(parents=True)
    (tmp_path / "dags" / "foreign.py").write_text(FOREIGN)
    for each in (ROOT / "dags").iterdir():
        (tmp_path / "dags" / "recommendations" / each.name).symlink_to(each)
    (tmp_path / "passwords.json").write_text(json.dumps({"ada": "x"}))
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(tmp_path / "passwords.json"))
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ada:admin")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'plugins'}")
    monkeypatch.setenv("RECSYS_ROOT", str(tmp_path))

    def load(*refused):
        code = LACKING.format(refused=set(refused) or "()", dags=str(tmp_path / "dags"))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.split("FOUND")[1]), done.stdout + done.stderr

    return load


@pytest.fixture
def mounted(airflow_home):
    """A function that asks whatever the plugin mounts for a page, as somebody who is signed in."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi.testclient import TestClient
    from recsys_pages import RecsysPlugin

    def ask(path):
        (found,) = RecsysPlugin().fastapi_apps
        found["app"].dependency_overrides[get_user] = lambda: "ada"
        return TestClient(found["app"]).get(path)

    return ask


class TestModules:
    def test_what_cannot_be_imported_is_one_page_and_one_sentence(self, guest):
        """Modules, Python and the line that mends it; the server answers, the foreign DAG is there, timetables load."""
        found, log = guest("recsys_tasks", "numpy")
        said = (
            f"{sys.executable} cannot import recsys_tasks, numpy. In the project's folder, the one with "
            f"pyproject.toml, run: {sys.executable} -m pip install '.[airflow]'"
        )
        assert (found["health"], found["unsigned"], found["dags"]) == (200, 401, ["foreign"])
        for path in ("/recsys/", "/recsys/live", "/recsys/music/candidates", "/recsys/dag?dag_id=x"):
            status, text = found[path]
            assert (status, text.replace("&#x27;", "'").count(said)) == (503, 1)
        assert found["errors"] == [f"ImportError: {said}"] * len(list((ROOT / "dags").glob("*.py")))
        assert found["timetables"] == ["recsys_timetable.BusinessDaily", "recsys_timetable.DailyUntil"]
        assert f"The pages of the recommendations cannot be shown. {said}" in log

    def test_a_part_of_the_plugin_that_is_not_there_stops_nothing(self, airflow_home, monkeypatch, caplog):
        """Files that were copied by halves: no links, no timetable, but a plugin, and a line in the log."""
        monkeypatch.setitem(sys.modules, "recsys_links", None)  # whoever imports it is refused
        spec = importlib.util.spec_from_file_location("recsys_pages", ROOT / "plugins" / "recsys_pages.py")
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        assert (loaded.RecsysPlugin.timetables, loaded.RecsysPlugin.operator_extra_links) == ([], [])
        assert "Links, timetable and pools of the recommendations cannot be loaded" in caplog.text

    def test_every_dependency_is_looked_for(self):
        """The list of modules is that of the packages in pyproject.toml."""
        needs = (ROOT / "plugins" / "recsys_needs.py").read_text()
        packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        names = {package.split(">")[0].split("[")[0].replace("-binary", "") for package in packages}
        assert sorted(names | {"recsys_tasks"}) == sorted(needs.split("MODULES = (")[1].split(")")[0].split('"')[1::2])


class TestErrors:
    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("the sky <fell>"),
            SyntaxError("bad input"),
            ImportError("cannot import name 'Row'"),
            SystemExit(3),
            RecursionError("too deep"),
            type("Strange", (Exception,), {})("never seen before"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_whatever_else_fails_is_said_by_its_name(self, mounted, monkeypatch, caplog, error):
        """On the page as text, and in the log of the server with all of it."""

        def fails():
            raise error

        monkeypatch.setattr("recsys_ui.front.front", fails)
        with caplog.at_level(logging.ERROR):
            answer = mounted("/live")
        assert answer.status_code == 503
        assert html.escape(f"{type(error).__name__}: {error}") in answer.text
        assert "cannot be shown" in caplog.text

    def test_an_airflow_that_is_too_old_is_said(self, mounted, monkeypatch):
        """Instead of whatever that Airflow lacks."""
        monkeypatch.setattr("airflow.__version__", "3.1.8")
        assert "need Airflow 3.2 or newer, and this is Airflow 3.1.8" in mounted("/live").text

    def test_where_not_even_that_page_can_be_made_there_is_none(self, airflow_home, monkeypatch):
        """The server still starts."""
        from recsys_pages import RecsysPlugin

        def fails(said):
            raise RuntimeError("nothing works")

        monkeypatch.setattr("recsys_ui.missing.app", fails)
        monkeypatch.setattr("airflow.__version__", "3.1.8")
        assert RecsysPlugin().fastapi_apps == []

    def test_what_a_page_cannot_import_is_said_by_that_page(self, airflow_home, monkeypatch, finished):
        """A package that vanished after the start is no error 500."""
        from fastapi.testclient import TestClient
        from recsys_ui.front import bare

        app = bare()

        @app.get("/live")
        def live():
            import nothing_of_this_name  # noqa: F401

        answer = TestClient(app).get("/live")
        assert (answer.status_code, "nothing_of_this_name" in answer.text) == (503, True)
