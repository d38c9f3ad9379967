"""The DAGs on Airflow itself (SQLite, no scheduler): their shape, their days, their green and their red runs."""

import json
import os
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from psycopg2.extensions import parse_dsn
from settings import TOML, damage
from sinks import mail_sink, slack, smtp, web_sink, webhook

ROOT = Path(__file__).parents[2]


def load_dag(name="daily_recommendations"):
    """A fresh DAG object: dag.test writes a run's conf into it."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    assert sorted(bag.dags) == ["daily_recommendations", "release_freshness"]
    return bag.dags[name]


@pytest.fixture
def dag(airflow_home, monkeypatch, tmp_path):
    """The DAG of a configuration in which the small world's days pass."""
    (tmp_path / "config.toml").write_text(TOML)
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("RECSYS_ROOT", str(tmp_path / "store"))
    return load_dag()


class TestShape:
    def test_it_reads_as_the_design_says(self, dag):
        """Every step hangs on the one before; publish is a leaf beside alert; report and retention are teardowns."""
        chain = ["wait_for_day", "extract_streams", "check_data", "increment_matrix", "train_als"]
        chain += ["build_index", "evaluate", "gate", "publish"]
        for before, after in pairwise(chain):
            assert after in dag.task_dict[before].downstream_task_ids
        assert dag.task_dict["gate"].downstream_task_ids == {"publish", "alert"}
        assert dag.task_dict["publish"].downstream_task_ids == {"report", "retention"}
        assert dag.task_dict["alert"].downstream_task_ids == set()
        for last in (dag.task_dict["report"], dag.task_dict["retention"]):
            assert (last.is_teardown, last.on_failure_fail_dagrun) == (True, False)

    def test_its_policy(self, dag):
        """No catch-up, one run at a time, retries with backoff and a time limit on every task, one slot for state."""
        assert (dag.catchup, dag.max_active_runs, dag.start_date.year) == (False, 1, 2000)
        for task in dag.tasks:
            assert task.retries >= 3
            assert task.retry_exponential_backoff
            assert task.execution_timeout is not None
            assert not task.depends_on_past
        writers = set(dag.task_dict) - {"wait_for_day", "alert"}
        assert {dag.task_dict[name].pool for name in writers} == {"recsys_state"}
        assert dag.task_dict["wait_for_day"].reschedule
        assert dag.doc_md
        assert dag.tags == {"recommendations"}

    def test_the_watch_beside_it(self, dag):
        """Hourly, one at a time, explained; its red on purpose is a leaf of its own, which a delivery cannot hide."""
        watch = load_dag("release_freshness")
        assert (watch.catchup, watch.max_active_runs, watch.tags) == (False, 1, {"recommendations"})
        assert watch.doc_md
        assert watch.task_dict["look"].downstream_task_ids == {"deliver", "fresh_and_sound"}
        assert watch.task_dict["fresh_and_sound"].retries == 0
        assert all(task.execution_timeout is not None for task in watch.tasks)

    def test_every_failure_has_somebody_who_tells(self, dag):
        """Every task of both DAGs calls back, and the daily DAG for those whose process was killed."""
        from recsys_dag.alerting import tell_failure, tell_what_nobody_told

        for task in [*dag.tasks, *load_dag("release_freshness").tasks]:
            assert [callback.__name__ for callback in task.on_failure_callback] == [tell_failure.__name__], task.task_id
        assert dag.on_failure_callback.__name__ == tell_what_nobody_told.__name__

    @pytest.mark.parametrize(("name", "tasks"), [("daily_recommendations", 12), ("release_freshness", 3)])
    def test_a_task_body_is_short(self, name, tasks):
        """At most six lines of code a task: what can be tested without Airflow is tested without it."""
        import ast

        tree = ast.parse((ROOT / "dags" / f"{name}.py").read_text())
        bodies = {n.name: n.body[1:] for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        assert len(bodies) == tasks
        lines = {name: sum(s.end_lineno - s.lineno + 1 for s in body) for name, body in bodies.items()}
        assert max(lines.values()) <= 6, lines

    @pytest.mark.parametrize("name", ["daily_recommendations", "release_freshness"])
    def test_its_page_names_every_task(self, dag, name):
        """The operator's manual in the UI and the tasks of the DAG are the same list."""
        shown = load_dag(name)
        rows = [line.split("`")[1] for line in shown.doc_md.splitlines() if line.startswith("| `")]
        assert sorted(rows) == sorted(shown.task_dict)


START = datetime(2026, 11, 22, tzinfo=UTC)


class TestBusinessDay:
    @pytest.mark.parametrize(
        ("params", "interval", "logical", "after", "day"),
        [
            ({}, START, START, datetime(2026, 11, 23, tzinfo=UTC), date(2026, 11, 22)),
            ({"day": "2026-11-01"}, START, START, START, date(2026, 11, 1)),
            ({"day": None}, None, None, datetime(2026, 11, 23, 9, tzinfo=UTC), date(2026, 11, 22)),
            ({}, None, START, START, date(2026, 11, 22)),
            ({"day": "2024-02-29"}, None, None, START, date(2024, 2, 29)),
            ({}, None, None, datetime(2027, 1, 1, 0, 30, tzinfo=UTC), date(2026, 12, 31)),
        ],
    )
    def test_every_kind_of_run_has_its_day(self, dag, params, interval, logical, after, day):
        """Scheduled, backfill, typed-in, manual and without a logical date, over leap day and year end."""
        from recsys_dag.context import business_day

        end = interval and interval + timedelta(days=1)
        run = SimpleNamespace(
            run_type="manual",
            data_interval_start=interval,
            data_interval_end=end,
            logical_date=logical,
            run_after=after,
        )
        assert business_day(run, params) == day

    def test_one_day_for_all_dates_of_a_backfill_is_refused(self, dag):
        """The dialog of a backfill offers the parameter; each of its runs would do the same day."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import business_day

        end = START + timedelta(days=1)
        run = SimpleNamespace(run_type="backfill", data_interval_start=START, data_interval_end=end)
        assert business_day(run, {"day": None}) == START.date()
        with pytest.raises(AirflowFailException, match="Leave `day` empty in a backfill"):
            business_day(run, {"day": "2026-11-01"})

    def test_an_interval_without_time_is_refused(self, dag):
        """A timetable that gives instants, not days, would shift every date by one; a day by name is still taken."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import business_day

        at = {name: START for name in ("data_interval_start", "data_interval_end", "logical_date", "run_after")}
        run = SimpleNamespace(run_type="manual", **at)
        with pytest.raises(AirflowFailException, match="data interval is empty"):
            business_day(run, {})
        assert business_day(run, {"day": "2026-11-01"}) == date(2026, 11, 1)


class TestSigner:
    def test_a_persons_word_asks_for_a_person(self, airflow_home):
        """The one who triggered signs; without one Airflow does, but not for a word that a log keeps with a name."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import WORDS, signer

        by_hand = SimpleNamespace(triggering_user_name="olga", run_type="manual")
        alone = SimpleNamespace(triggering_user_name=None, run_type=SimpleNamespace(value="backfill"))
        assert signer(by_hand, {"publish_older": "why"}) == "olga"
        assert signer(alone, {"publish_older": None, "accept_data": ""}) == "airflow (backfill)"
        for word in WORDS:
            with pytest.raises(AirflowFailException, match=f"{word} is a named person's word"):
                signer(alone, {word: "why"})


class TestSource:
    def test_the_connection_brings_its_extras(self, airflow_home, monkeypatch):
        """What the connection says of TLS reaches libpq, and wins over the environment's address."""
        from recsys_dag.context import source_address

        monkeypatch.setenv("RECSYS_SOURCE_DSN", "host=other")
        monkeypatch.setenv("AIRFLOW_CONN_RECSYS_SOURCE", "postgres://reader:x@db:5433/music?sslmode=verify-full")
        assert parse_dsn(source_address()) == {
            "host": "db",
            "port": "5433",
            "user": "reader",
            "password": "x",
            "dbname": "music",
            "sslmode": "verify-full",
        }

    def test_an_extra_that_libpq_does_not_know_is_named(self, airflow_home, monkeypatch):
        """A mistyped sslmode must not mean no check of the certificate."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import source_address

        monkeypatch.setenv("AIRFLOW_CONN_RECSYS_SOURCE", "postgres://reader:x@db/music?sslmod=verify-full")
        with pytest.raises(AirflowFailException, match="sslmod"):
            source_address()


CANARY = "canary-of-the-connection"
CHANNELS = ["alert_mail", "alert_hook", "alert_slack"]
ALERTS = f"""
[alert]
connections = {CHANNELS}
mail_to = ["ops@example.test"]
[freshness]
max_age_hours = 1_000_000
"""


@pytest.fixture
def sinks(dag, monkeypatch, tmp_path):
    """A configuration whose alerts go to a mail server and to two webhooks on the loopback interface."""
    with mail_sink() as mail, web_sink() as web:
        connections = {
            "ALERT_MAIL": smtp(mail.port, password=CANARY),
            "ALERT_HOOK": webhook(web.port, f"{CANARY}/hook"),
            "ALERT_SLACK": slack(web.port, f"{CANARY}/slack"),
        }
        for name, values in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(values))
        (tmp_path / "config.toml").write_text(TOML + ALERTS)
        yield SimpleNamespace(mail=mail, web=web)


def told(sinks):
    """How many alerts each of the three received."""
    hooks = [len(sinks.web.bodies(f"/{CANARY}/{kind}")) for kind in ("hook", "slack")]
    return [len(sinks.mail.received), *hooks]


def states_of(run):
    """State of each task."""
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


class TestAlert:
    def test_what_refuses_is_red_and_what_was_missed_comes_later_once(self, sinks, tmp_path, capfd):
        """First nobody takes it, then all do: each channel has the alert exactly once, no secret left a connection."""
        from recsys_dag.alerting import AlertsPending, deliver, keep, own_outbox

        from recsys_tasks.alerting.alerts import of_failure

        failed = {"dag": "d", "run": "r", "task": "t", "cleared": 0}
        keep([of_failure(failed, "boom postgresql://u:canary-of-a-task@db/x", "http://log")], own_outbox())
        sinks.web.answer, sinks.mail.answer = "302", "550 canary-of-the-server"
        with pytest.raises(AlertsPending) as refused:
            deliver(own_outbox())
        said = str(refused.value)
        for part in ("mail (SMTPRecipientsRefused)", "hook (status 302)", "slack (AirflowException 302)"):
            assert f"'t failed in r' to alert_{part}" in said
        sinks.mail.answer, sinks.web.answer = "", ""
        sinks.web.received.clear()
        assert len(deliver(own_outbox())) == 3
        assert told(sinks) == [1, 1, 1]
        assert not sinks.web.bodies("/followed")
        stored = "".join(path.read_text() for path in (tmp_path / "store" / "alerts").rglob("*") if path.is_file())
        assert "canary" not in "".join([said, stored, *capfd.readouterr()])

    def test_nothing_owed_is_skipped_and_nobody_to_tell_is_said(self, sinks, tmp_path, caplog):
        """No alert: skipped. No connection: skipped too, with the alert in the log, and not stored as told."""
        from airflow.sdk.exceptions import AirflowSkipException
        from recsys_dag.alerting import deliver, keep, own_outbox

        from recsys_tasks.alerting.alerts import of_damage

        with pytest.raises(AirflowSkipException, match="nothing to tell"):
            deliver(own_outbox())
        (tmp_path / "config.toml").write_text(TOML)
        keep([of_damage(0, "CorruptArtefact: x", "", "")], own_outbox())
        with pytest.raises(AirflowSkipException, match="no alert connection"):
            deliver(own_outbox())
        assert not (tmp_path / "store" / "alerts").exists()

    def test_a_slip_in_another_table_does_not_silence_alerts(self, sinks, tmp_path):
        """The configuration is refused, and the alert about that is sent all the same; a failure is told once."""
        from recsys_dag.alerting import tell_failure

        from recsys_tasks.core.errors import ConfigError

        (tmp_path / "config.toml").write_text(f"{TOML}{ALERTS}[als]\nfactors = -1\n".replace("[als]", "[als2]", 1))
        run = SimpleNamespace(dag_id="daily_recommendations", run_id="r", clear_number=0)
        context = {
            "dag_run": run,
            "ti": SimpleNamespace(task_id="train_als"),
            "exception": ConfigError("als2: unknown"),
        }
        tell_failure(context)
        tell_failure(context)
        assert told(sinks) == [1, 1, 1]
        assert "als2: unknown" in sinks.web.bodies(f"/{CANARY}/hook")[0]["text"]

    def test_the_text_of_a_foreign_exception_stays_in_the_log(self, sinks):
        """It may hold a row of the data, or a password: only its name is told."""
        from recsys_dag.alerting import _reason

        assert _reason(KeyError("user 4711")) == "KeyError; its text stands in the log."


class TestRuns:
    def test_a_good_day_is_published(self, dag, world_dsn, monkeypatch, tmp_path):
        """Green: every task succeeds, the alert is skipped, the release is live and the asset's event tells of it."""
        from recsys_tasks.release.releases import read_log
        from recsys_tasks.storage.store import Store

        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        run = dag.test(run_conf={"day": "2026-01-13"})
        states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
        assert str(run.state) == "success"
        assert states.pop("alert") == "skipped"
        assert set(states.values()) == {"success"}
        assert read_log(Store(tmp_path / "store")).require_live().day == date(2026, 1, 13)
        assert sorted(os.listdir(tmp_path / "store" / "runs" / run.run_id.replace("/", "_"))) == sorted(
            f"{name}.json" for name in [*states, "alert"]
        )

    def test_a_run_by_hand_after_the_schedules_end_runs(self, dag, world_dsn, monkeypatch, tmp_path):
        """The schedule ends at its date; a manual run with a later logical date is no empty green one."""
        from airflow.timetables.base import TimeRestriction

        (tmp_path / "config.toml").write_text(f"{TOML}\n[schedule]\nend_date = 2026-01-14\n")
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        ending = load_dag()
        unrestricted = TimeRestriction(None, None, False)
        assert ending.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=unrestricted) is None
        run = ending.test(logical_date=datetime(2026, 9, 1, tzinfo=UTC), run_conf={"day": "2026-01-13"})
        assert len(run.get_task_instances()) == 12
        assert (tmp_path / "store" / "releases" / "log" / "1.json").exists()

    def test_a_backfill_goes_past_the_schedules_end(self, dag, tmp_path):
        """All dates of its range get a run, as a person asked for; the schedule itself still ends at its date."""
        from airflow.serialization.serialized_objects import DagSerialization

        (tmp_path / "config.toml").write_text(f"{TOML}\n[schedule]\nend_date = 2026-01-14\n")
        ending = DagSerialization.from_dict(DagSerialization.to_dict(load_dag()))
        asked = [datetime(2026, 1, n, tzinfo=UTC) for n in (13, 16)]
        assert [info.logical_date.day for info in ending.iter_dagrun_infos_between(*asked)] == [13, 14, 15, 16]
        assert ending.next_dagrun_info(last_automated_run_info=None) is None

    def test_a_gate_that_says_no_makes_the_run_red_and_is_told_once(self, sinks, dag, world_dsn, monkeypatch, tmp_path):
        """Red: the gate fails without a retry, nothing is published; report, alert and retention do their work."""
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        (tmp_path / "config.toml").write_text(TOML.replace("min_users = 100", "min_users = 5000") + ALERTS)
        run = dag.test(run_conf={"day": "2026-01-13"})
        tasks = {ti.task_id: ti for ti in run.get_task_instances()}
        assert str(run.state) == "failed"
        assert (str(tasks["gate"].state), tasks["gate"].try_number) == ("failed", 1)
        assert str(tasks["publish"].state) == "upstream_failed"
        assert {str(tasks[name].state) for name in ("alert", "report", "retention")} == {"success"}
        assert not (tmp_path / "store" / "releases").exists()
        assert told(sinks) == [1, 1, 1]
        ((receivers, letter),) = sinks.mail.received
        assert receivers == ["ops@example.test"]
        assert letter["Subject"] == "HOLD: the recommendations of 2026-01-13 were not published"

    def test_a_step_that_fails_is_told_once_with_its_reason(self, sinks, dag, copied, monkeypatch):
        """Its callback and the alert task both notice; the gate behind it, which judged nothing, is no second event."""
        monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
        monkeypatch.setenv("RECSYS_SOURCE_DSN", copied.dsn)
        (judgement,) = copied.store.evaluations_of(date(2026, 1, 15))
        damage(judgement / "figures" / "per_user.parquet")
        run = dag.test(run_conf={"day": "2026-01-15"})
        states = states_of(run)
        assert str(run.state) == "failed"
        assert (states["evaluate"], states["gate"], states["publish"]) == ("failed", *["upstream_failed"] * 2)
        assert (states["alert"], states["report"], states["retention"]) == ("skipped", "skipped", "success")
        assert told(sinks) == [1, 1, 1]
        text = sinks.web.bodies(f"/{CANARY}/hook")[0]["text"]
        assert "evaluate failed" in text
        assert "CorruptArtefact" in text
        assert str(judgement / "figures") in text

    def test_a_slow_decline_is_told_on_a_green_day(self, sinks, dag, copied, monkeypatch, tmp_path):
        """The candidate passes, the run is green, and the alarm of the drift arrives."""
        monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
        monkeypatch.setenv("RECSYS_SOURCE_DSN", copied.dsn)
        (tmp_path / "config.toml").write_text(f"{TOML}{ALERTS}[drift]\ncusum_slack = 0\ncusum_bound = 0.1\n")
        run = dag.test(run_conf={"day": "2026-01-14"})
        assert (str(run.state), states_of(run)["alert"], told(sinks)) == ("success", "success", [1, 1, 1])
        assert "Slow decline" in sinks.mail.received[0][1]["Subject"]


class TestVerdict:
    @pytest.mark.parametrize(
        ("state", "found"), [("success", True), ("failed", True), ("upstream_failed", False), (None, False)]
    )
    def test_what_an_earlier_try_left_is_no_verdict(self, airflow_home, state, found):
        """A cleared run that fails before its gate still holds the values of the gate's earlier try."""
        from recsys_dag.events import verdict_of

        class OfTheGate(SimpleNamespace):
            def get_task_states(self, *, dag_id, task_ids, run_ids):
                return {"r": dict.fromkeys(task_ids, state)}

            def xcom_pull(self, *, task_ids, key):
                return {"outcome": "HOLD"}

        verdict = verdict_of(OfTheGate(dag_id="d", run_id="r"))
        assert verdict == ({"outcome": "HOLD"} if found else None)


class TestWatch:
    def test_its_hours_are_red_while_it_lasts_and_told_at_both_ends(self, sinks, copied, monkeypatch, tmp_path):
        """Stale, still stale, fresh: red and told, red and silent, green and told."""
        monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
        config = tmp_path / "config.toml"
        seen = []
        for max_age_hours in (1, 1, 1_000_000):
            config.write_text((TOML + ALERTS).replace("1_000_000", str(max_age_hours)))
            run = load_dag("release_freshness").test()
            states = states_of(run)
            shown = [states[name] for name in ("look", "deliver", "fresh_and_sound")]
            seen.append((str(run.state), *shown, len(sinks.mail.received)))
        assert seen == [
            ("failed", "success", "success", "failed", 1),
            ("failed", "success", "skipped", "failed", 1),
            ("success", "success", "success", "success", 2),
        ]
        assert told(sinks) == [2, 2, 2]

    def test_before_the_first_release_it_only_delivers(self, sinks):
        """Nothing can be stale yet; what daily runs could not deliver still goes out."""
        from recsys_dag.alerting import keep, own_outbox

        from recsys_tasks.alerting.alerts import of_failure

        keep([of_failure({"dag": "d", "run": "r", "task": "t", "cleared": 0}, "boom", "")], own_outbox())
        run = load_dag("release_freshness").test()
        assert (str(run.state), states_of(run)) == (
            "success",
            {"look": "skipped", "deliver": "success", "fresh_and_sound": "skipped"},
        )
        assert told(sinks) == [1, 1, 1]
