"""Pages of several services in one Airflow: each its own, under the rights of its own DAG; the ways between."""

import json
import shutil

import pytest
from acted_runs import do_what_waits, sync_dags
from airflow_server import served
from settings import TOML

from recsys_tasks.release.log import PIN
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore

DAILY = "daily_recommendations"
MANAGER = """
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

class ByName(SimpleAuthManager):
    # olga may do everything with the DAGs of talk, and does not know of the others
    def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
        if user.get_name() == "olga" and not (details and details.id and details.id.endswith("_talk")):
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
"""


@pytest.fixture(scope="module")
def stores(finished, tmp_path_factory):
    """The folder of the stores: music has three releases, talk too, and quiet has none."""
    root = tmp_path_factory.mktemp("stores")
    for name in ("music", "talk"):
        shutil.copytree(finished.store.root, root / name, symlinks=True)
    (root / "quiet").mkdir()
    return root


@pytest.fixture(scope="module")
def ask(airflow_home, stores, tmp_path_factory):
    """Airflow's API server for a folder of services, where not everybody may read each of them."""
    from airflow.api_fastapi.app import purge_cached_app

    folder = tmp_path_factory.mktemp("services")
    for name in ("music", "talk", "quiet"):
        (folder / f"{name}.toml").write_text(TOML)
    (folder / "bad.toml").write_text("[service")
    code = tmp_path_factory.mktemp("manager")
    (code / "manager_by_name.py").write_text(MANAGER)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(code))
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "manager_by_name.ByName")
        with served(airflow_home, stores, tmp_path_factory.mktemp("unused")) as asking:
            patch.setenv("RECSYS_CONFIG", str(folder))
            asking.folder = folder
            sync_dags()
            yield asking
    purge_cached_app()


def offered(answer):
    """Addresses in the head of a page that lead to services."""
    if '<ul class="services"' not in answer.text:
        return []
    head = answer.text.split('<ul class="services"')[1].split("</ul>")[0]
    return [part.split('"')[0] for part in head.split('href="')[1:]]


class TestChoice:
    def test_the_entry_of_the_navigation_leads_to_the_first_that_one_may_read(self, ask):
        """By name, but for one whose file is broken; a service that one may not read is not the first."""
        for user, name in (("ada", "music"), ("olga", "talk")):
            for path in ("/recsys/", "/recsys/live"):
                answer = ask("GET", path, user)
                assert (answer.status_code, answer.headers["location"]) == (307, f"/recsys/{name}/live")

    def test_whoever_may_read_none_is_refused(self, ask):
        """401 unsigned, 403 without rights; and nobody is told which services there are."""
        for path in ("/recsys/", "/recsys/live", "/recsys/music/live"):
            assert (ask("GET", path, None).status_code, ask("GET", path, "ned").status_code) == (401, 403)

    def test_the_tab_of_a_dag_and_of_a_run_lead_to_their_service(self, ask):
        """By the id of the DAG, with all that was asked; somebody else's DAG has kind words."""
        answer = ask("GET", f"/recsys/dag?dag_id={DAILY}_talk", "ada")
        assert answer.headers["location"] == f"/recsys/talk/dag?dag_id={DAILY}_talk"
        assert ask("GET", answer.headers["location"], "ada").status_code == 200
        answer = ask("GET", f"/recsys/report?dag_id={DAILY}_talk&run_id=a%2Bb", "ada")
        assert answer.headers["location"] == f"/recsys/talk/report?dag_id={DAILY}_talk&run_id=a%2Bb"
        foreign = ask("GET", "/recsys/dag?dag_id=foreign", "ada")
        assert (foreign.status_code, "foreign has no part in the recommendations" in foreign.text) == (200, True)
        assert ask("GET", "/recsys/static/page.css", "ada").status_code == 200

    def test_a_page_offers_the_others_that_one_may_read(self, ask):
        """The same view of each; with one service alone there is nothing to choose."""
        page = ask("GET", "/recsys/talk/candidates", "ada")
        assert offered(page) == [f"/recsys/{name}/candidates" for name in ("bad", "music", "quiet", "talk")]
        assert offered(ask("GET", "/recsys/talk/candidates", "olga")) == ["/recsys/talk/candidates"]


class TestEachItsOwn:
    def test_rights_are_those_of_its_own_dag(self, ask):
        """Who may read and act on talk gets nothing of music, on any kind of route."""
        for path in ("live", "history", "candidates", "ask", "acts", "static/page.css", "lineage/1", "report/x/y"):
            assert ask("GET", f"/recsys/music/{path}", "olga").status_code == 403
            assert ask("GET", f"/recsys/talk/{path}", "olga").status_code != 403
        assert ask("POST", "/recsys/music/acts/pin", "olga", json={"why": "x", "seen": 3}).status_code == 403

    def test_an_act_reaches_its_own_store_and_log(self, ask, stores):
        """The run is of the DAG of the service; the audit log has it under the service's DAG."""
        from airflow.models.log import Log
        from airflow.utils.session import create_session

        answer = ask("POST", "/recsys/talk/acts/pin", "olga", json={"why": "covers", "seen": 3})
        assert answer.status_code == 202, answer.text
        do_what_waits("recommendations_act_talk")
        talk, music = (Releases(PosixStore(stores / name)).log().entries for name in ("talk", "music"))
        assert (talk[-1].kind, len(talk), len(music)) == (PIN, 4, 3)
        with create_session() as session:
            row = session.query(Log).where(Log.event == "recommendations_pin_asked").order_by(Log.id.desc()).first()
            assert (row.dag_id, json.loads(row.extra)["why"]) == (f"{DAILY}_talk", "covers")

    def test_links_commands_and_scripts_are_those_of_the_service(self, ask):
        """The runs of its DAG, the address of its own files, and the commands that name it."""
        page = ask("GET", "/recsys/music/live", "ada").text
        assert f'data-home="/recsys/music/" data-airflow="/" data-dag="{DAILY}_music"' in page
        assert "/recsys/music/static/page.css" in page
        assert f"<code>{DAILY}_quiet</code>" in ask("GET", "/recsys/quiet/live", "ada").text

    def test_a_listener_is_asked_about_in_the_store_of_the_service(self, ask):
        """Answers of one store, and none where nothing is published."""
        assert ask("GET", "/recsys/music/ask/tracks?text=a", "ada").status_code == 200
        assert ask("GET", "/recsys/quiet/ask/tracks?text=a", "ada").status_code == 404


class TestBroken:
    def test_its_page_says_so_and_the_others_are_there(self, ask):
        """Which file, and what is wrong in it; also where only the store would be read."""
        for path in ("live", "candidates"):
            answer = ask("GET", f"/recsys/bad/{path}", "ada")
            assert (answer.status_code, "bad.toml: not TOML" in answer.text) == (503, True)
            assert "/recsys/music/" in "".join(offered(answer))

    def test_a_file_is_mended_and_another_added_without_a_new_start(self, ask, stores, monkeypatch):
        """The services are looked up whenever somebody asks."""
        (ask.folder / "bad.toml").write_text(TOML)
        (ask.folder / "new.toml").write_text(f'[service]\nroot = "{stores}/quiet2"\n{TOML}')
        (stores / "bad").mkdir()
        (stores / "quiet2").mkdir()
        try:
            assert ask("GET", "/recsys/bad/live", "ada").status_code == 200
            assert ask("GET", "/recsys/new/live", "ada").status_code == 200
        finally:
            (ask.folder / "bad.toml").write_text("[service")
            (ask.folder / "new.toml").unlink()

    def test_there_are_no_other_names(self, ask):
        """What names no service is not found."""
        assert ask("GET", "/recsys/nothing/live", "ada").status_code == 404
