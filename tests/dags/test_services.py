"""A DAG of each kind for every service: ids, schedule and resources of its own; what becomes of a broken file."""

import pytest
from dag_runs import load_bag
from settings import TOML

DAILY = "daily_recommendations"


@pytest.fixture
def folder(dag, monkeypatch, tmp_path):
    """A folder of two services, for which the DAGs are made."""
    made = tmp_path / "services"
    made.mkdir()
    for name in ("music", "talk"):
        (made / f"{name}.toml").write_text(TOML)
    monkeypatch.setenv("RECSYS_CONFIG", str(made))
    return made


def errors_of(bag):
    """File and last line of each import error."""
    return {path.rsplit("/")[-1]: text.strip().splitlines()[-1] for path, text in bag.import_errors.items()}


def dags_of(*names):
    """Ids of the DAGs of services."""
    kinds = ("alert_delivery", DAILY, "recommendations_act", "release_freshness")
    return sorted(f"{kind}_{name}" for kind in kinds for name in names)


def waits_for(dag):
    """Address of the one asset that starts a DAG."""
    (asset,) = dag.timetable.asset_condition.objects
    return asset.uri


class TestFolder:
    def test_each_service_has_dags_of_its_own(self, folder):
        """Ids, pool, asset, and commands on its page; the first task and the alert wait for nobody's slot."""
        bag = load_bag()
        assert bag.import_errors == {}
        assert sorted(bag.dags) == dags_of("music", "talk")
        daily = bag.dags[f"{DAILY}_talk"]
        assert {task.pool for task in daily.tasks} == {"recsys_state_talk", "default_pool"}
        (asset,) = daily.task_dict["publish"].outlets
        assert (asset.name, asset.uri) == ("live_index_talk", "recsys://live_index/talk")
        assert "`recsys --service talk rollback N" in daily.doc_md
        assert "`daily_recommendations_talk`" in bag.dags["release_freshness_talk"].doc_md
        assert "`owed_alerts_talk`" in bag.dags["alert_delivery_talk"].doc_md
        waited_for = {name: waits_for(bag.dags[f"alert_delivery_{name}"]) for name in ("music", "talk")}
        assert waited_for == {name: f"recsys://owed_alerts/{name}" for name in ("music", "talk")}

    def test_a_schedule_ends_by_its_own_file(self, folder):
        """The last day of one service is not the last day of the other."""
        (folder / "talk.toml").write_text(f"{TOML}[schedule]\nend_date = 2026-01-14\n")
        dags = load_bag().dags
        assert dags[f"{DAILY}_talk"].timetable.serialize() == {"last": "2026-01-14"}
        assert type(dags[f"{DAILY}_music"].timetable).__name__ == "CronDataIntervalTimetable"

    @pytest.mark.parametrize(
        ("text", "said"), [("[service", "not TOML"), ("[schedule]\nend_date = 1", "schedule.end_date")]
    )
    def test_a_broken_file_is_an_import_error_and_the_others_have_their_dags(self, folder, text, said):
        """The error stands at a file without a DAG: at one that has some, Airflow would schedule none of them."""
        (folder / "talk.toml").write_text(text)
        bag = load_bag()
        assert sorted(bag.dags) == dags_of("music")
        assert list(errors_of(bag)) == ["recsys_services.py"]
        assert str(folder / "talk.toml") in errors_of(bag)["recsys_services.py"]
        assert said in errors_of(bag)["recsys_services.py"]

    def test_an_empty_folder_is_told(self, folder):
        """No DAG and no error would be a riddle."""
        for file in folder.iterdir():
            file.unlink()
        assert "holds no *.toml" in errors_of(load_bag())["recsys_services.py"]


class TestTask:
    def test_it_finds_its_service_by_the_id_of_its_dag(self, folder, monkeypatch):
        """Store, file, connection and variable of that one alone; not those of an installation with one service."""
        from types import SimpleNamespace

        from recsys_dag.context import source_address
        from recsys_dag.services import service_of

        monkeypatch.setenv("RECSYS_SOURCE_DSN", "host=unnamed")
        monkeypatch.setenv("RECSYS_SOURCE_DSN_TALK", "host=talk")
        monkeypatch.setenv("AIRFLOW_CONN_RECSYS_SOURCE_MUSIC", "postgres://reader:x@music/db")
        talk, music = (service_of(SimpleNamespace(dag_id=f"{DAILY}_{name}")) for name in ("talk", "music"))
        assert (talk.config, talk.root.name) == (folder / "talk.toml", "talk")
        assert source_address(talk) == "host=talk"
        assert "host=music" in source_address(music)

    def test_a_file_that_broke_since_is_said_by_the_task(self, folder):
        """The DAG that was read before still runs; its tasks say which file to mend."""
        from types import SimpleNamespace

        from recsys_dag.services import service_of

        from recsys_tasks.core.errors import ConfigError

        (folder / "talk.toml").write_text("[service")
        with pytest.raises(ConfigError, match=rf"makes the DAG {DAILY}_talk\. .*talk\.toml: not TOML"):
            service_of(SimpleNamespace(dag_id=f"{DAILY}_talk"))

    def test_no_character_keeps_an_alert_from_being_mailed(self, folder):
        """A line break in a subject and half a character in a line, which no mail can carry, leave as text."""
        from recsys_dag.sending import signed

        from recsys_tasks.alerting.alerts import Alert
        from recsys_tasks.core.services import Service

        broken = Alert("key", "HOLD\r\nBcc: somebody@example.test", ("of file \udcff.parquet",))
        told = signed(broken, Service("", None, None))
        assert (told.subject, told.lines) == ("HOLD Bcc: somebody@example.test", ("of file \\udcff.parquet",))
        assert told.text.encode()

    def test_its_alerts_and_their_links_name_the_service(self, folder):
        """Subject, key, commands, and the address of the report."""
        from recsys_dag.alerting import report_address
        from recsys_dag.sending import signed
        from recsys_dag.services import own_services

        from recsys_tasks.alerting.alerts import Alert

        music, talk = own_services()
        told = signed(Alert("key", "HOLD of 2026-01-13", ("Run recsys status",)), talk)
        assert (told.key, told.subject) == ("key-talk", "talk: HOLD of 2026-01-13")
        assert told.text == "Run recsys --service talk status"
        assert report_address(music, "2026-01-13", "j").endswith("/recsys/music/report/2026-01-13/j")


class TestResources:
    ASKED = """
[tasks.default]
queue = "recsys"
[tasks.train_als]
queue = "gpu"
pool = "big"
priority_weight = 7
executor = "LocalExecutor"
executor_config = { pod_template_file = "/etc/gpu.yaml" }
[tasks.look]
pool = "watch"
"""

    def test_they_reach_the_operators_of_both_dags(self, dag, tmp_path):
        """By name, by default for all, and for the rest what the DAG says."""
        (tmp_path / "config.toml").write_text(TOML + self.ASKED)
        bag = load_bag()
        assert bag.import_errors == {}
        tasks = bag.dags[DAILY].task_dict
        assert {task.queue for task in tasks.values()} == {"recsys", "gpu"}
        trained = tasks["train_als"]
        assert (trained.queue, trained.pool, trained.priority_weight) == ("gpu", "big", 7)
        assert (trained.executor, trained.executor_config) == ("LocalExecutor", {"pod_template_file": "/etc/gpu.yaml"})
        assert (tasks["evaluate"].pool, tasks["evaluate"].executor) == ("recsys_state", None)
        assert bag.dags["release_freshness"].task_dict["look"].pool == "watch"

    def test_every_task_has_a_name_there_and_no_other_has(self, dag, tmp_path):
        """What the table accepts and what the DAGs hold, a delivery among them, are the same list."""
        from recsys_tasks.core.installation import TASKS

        (tmp_path / "config.toml").write_text(f"{TOML}[deliver]\nproducts = ['popular']\n")
        assert sorted(TASKS) == sorted({task for made in load_bag().dags.values() for task in made.task_dict})

    @pytest.mark.parametrize("slip", ["[tasks.train]\nqueue = 'q'", "[tasks.gate]\nqueue = 3", "tasks = 3"])
    def test_a_slip_leaves_the_dag_where_it_is(self, dag, tmp_path, slip):
        """It fails the first task that reads the file, which is told of, where a DAG would only vanish."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import own_workplace
        from recsys_dag.services import own_services

        (tmp_path / "config.toml").write_text(f"{slip}\n{TOML}")
        bag = load_bag()
        assert (bag.import_errors, bag.dags[DAILY].task_dict["gate"].queue) == ({}, "default")
        with pytest.raises(AirflowFailException, match=r"ConfigError: .*tasks"), own_workplace(own_services()[0]):
            pass

    def test_an_executor_that_airflow_lacks_is_an_import_error(self, dag, folder):
        """Of that service; to Airflow itself it would be one of the whole file, and stop the other's schedule."""
        (folder / "talk.toml").write_text(f"{TOML}[tasks.gate]\nexecutor = 'MoonExecutor'\n")
        bag = load_bag()
        assert sorted(bag.dags) == dags_of("music")
        assert "[tasks] names MoonExecutor" in errors_of(bag)["recsys_services.py"]
