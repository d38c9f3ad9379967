"""Alerts from tasks and callbacks: to every channel, once, and no secret in them."""

import shlex
from datetime import UTC, datetime, time
from types import SimpleNamespace

import pytest
from dag_runs import ALERTS, CANARY, load_dag, received
from settings import TOML


def parsed(command):
    """What Airflow's own command line makes of a command."""
    from airflow.cli.cli_parser import get_parser

    words = shlex.split(command)
    assert words[0] == "airflow"
    return get_parser().parse_args(words[1:])


class TestAlert:
    def test_what_refuses_is_red_and_what_was_missed_comes_later_once(self, sinks, tmp_path, capfd):
        """First nobody takes it, then all do: each channel has the alert exactly once, no secret left a connection."""
        from recsys_dag.alerting import AlertsPending, deliver, keep
        from recsys_dag.services import own_services

        from recsys_tasks.alerting.alerts import of_failure

        failed = {"dag": "d", "run": "r", "task": "t", "cleared": 0}
        keep([of_failure(failed, "boom postgresql://u:canary-of-a-task@db/x", "http://log")], own_services()[0])
        sinks.web.answer, sinks.mail.answer = "302", "550 canary-of-the-server"
        with pytest.raises(AlertsPending) as refused:
            deliver(own_services()[0])
        said = str(refused.value)
        web, mail = f"127.0.0.1:{sinks.web.port}", f"127.0.0.1:{sinks.mail.port}"
        refusals = (f"hook ({web}: status 302)", f"slack ({web}: status 302)")
        for part in (f"mail ({mail}: no receiver was accepted (status 550))", *refusals):
            assert f"'t failed in r' to alert_{part}" in said
        sinks.mail.answer, sinks.web.answer = "", ""
        sinks.web.received.clear()
        assert len(deliver(own_services()[0])) == 3
        assert received(sinks) == [1, 1, 1]
        assert not sinks.web.bodies("/followed")
        stored = "".join(path.read_text() for path in (tmp_path / "store" / "alerts").rglob("*") if path.is_file())
        assert "canary" not in "".join([said, stored, *capfd.readouterr()])

    def test_nothing_owed_is_skipped_and_nobody_to_tell_is_said(self, sinks, tmp_path, caplog):
        """No alert: skipped. No connection: skipped too, with the alert in the log, and not stored as told."""
        from airflow.sdk.exceptions import AirflowSkipException
        from recsys_dag.alerting import deliver, keep
        from recsys_dag.services import own_services

        from recsys_tasks.alerting.alerts import of_damage

        with pytest.raises(AirflowSkipException, match="nothing to tell"):
            deliver(own_services()[0])
        (tmp_path / "config.toml").write_text(TOML)
        keep([of_damage(0, "CorruptArtefact: x", "", "")], own_services()[0])
        with pytest.raises(AirflowSkipException, match="no alert connection"):
            deliver(own_services()[0])
        assert not (tmp_path / "store" / "alerts").exists()

    def test_the_day_stores_what_somebody_is_owed_and_asks_nobody(self, sinks):
        """Stored and owed: an event that starts the delivery; delivered already: skipped; never a request."""
        from airflow.sdk.exceptions import AirflowSkipException
        from recsys_dag.alerting import deliver, keep_or_skip
        from recsys_dag.services import own_services

        from recsys_tasks.alerting.alerts import of_damage

        (service,) = own_services()
        alerts = [of_damage(0, "CorruptArtefact: x", "", "")]
        assert keep_or_skip(alerts, service) == ["What is live is damaged"]
        assert keep_or_skip(alerts, service) == ["What is live is damaged"], "a retry of the task, whose event was lost"
        assert received(sinks) == [0, 0, 0]
        deliver(service)
        with pytest.raises(AirflowSkipException, match="nothing to tell"):
            keep_or_skip(alerts, service)

    def test_the_hourly_try_hands_over_what_a_channel_refused(self, sinks):
        """Refused: named for the DAG that tries with patience; taken by all: nothing to hand over."""
        from airflow.sdk.exceptions import AirflowSkipException
        from recsys_dag.alerting import hand_over, keep, try_once
        from recsys_dag.services import own_services

        from recsys_tasks.alerting.alerts import of_damage

        (service,) = own_services()
        keep([of_damage(0, "CorruptArtefact: x", "", "")], service)
        sinks.mail.answer = "550 no"
        (refused,) = hand_over(try_once(service))
        assert refused.startswith("'What is live is damaged' to alert_mail (127.0.0.1:")
        sinks.mail.answer = ""
        with pytest.raises(AirflowSkipException, match="what it was owed"):
            hand_over(try_once(service))
        assert received(sinks) == [1, 1, 1]

    def test_a_connection_that_nobody_made_is_named(self, sinks, tmp_path):
        """A slip in the list of connections is told by its name, and keeps nothing from the others."""
        from recsys_dag.alerting import keep, try_once
        from recsys_dag.services import own_services

        from recsys_tasks.alerting.alerts import of_damage

        (tmp_path / "config.toml").write_text(TOML + ALERTS.replace("alert_slack", "alert_slakc"))
        (service,) = own_services()
        keep([of_damage(0, "CorruptArtefact: x", "", "")], service)
        assert try_once(service) == [
            "'What is live is damaged' to alert_slakc (there is no connection of that name)",
        ]
        assert received(sinks) == [1, 1, 0]

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
        assert received(sinks) == [1, 1, 1]
        assert "als2: unknown" in sinks.web.bodies(f"/{CANARY}/hook")[0]["text"]

    def test_the_text_of_a_foreign_exception_stays_in_the_log(self, sinks):
        """It may hold a row of the data, or a password: only its name is told."""
        from recsys_dag.alerting import _reason

        assert _reason(KeyError("user 4711")) == "KeyError; its text stands in the log."


class TestCommands:
    def test_the_command_that_clears_finds_one_task(self, airflow_home):
        """From the extraction on: Airflow looks for the text in the names of tasks."""
        from recsys_tasks.core.business_days import UTC_DAYS
        from recsys_tasks.release.commands import clear_scheduled

        asked = parsed(clear_scheduled("2026-01-12", UTC_DAYS))
        assert (asked.dag_id, asked.downstream) == ("daily_recommendations", True)
        assert str(asked.start_date) == str(asked.end_date) == "2026-01-12 00:00:00+00:00"
        subset = load_dag().partial_subset(asked.task_regex, include_upstream=False)
        assert sorted(subset.task_dict) == ["extract_streams"]

    def test_the_run_of_a_business_day_is_found_by_the_instant_with_which_its_day_begins(self, airflow_home):
        """In Berlin from 04:00 on, no run has a bare date's midnight for its logical date."""
        from recsys_tasks.core.business_days import BusinessDays
        from recsys_tasks.release.commands import clear_scheduled

        asked = parsed(clear_scheduled("2026-01-12", BusinessDays("Europe/Berlin", time(4))))
        assert str(asked.start_date) == str(asked.end_date) == "2026-01-12 03:00:00+00:00"

    def test_a_run_without_a_logical_date_is_named_by_its_id(self, airflow_home):
        """No date finds a run that was started by hand without one; whatever its name is, it is one word."""
        from recsys_tasks.release.commands import Run, clear

        asked = parsed(clear(Run("daily_recommendations", "olga's run; again")))
        assert (asked.dag_id, asked.run_id) == ("daily_recommendations", "olga's run; again")

    def test_a_refused_day_is_told_with_its_date_in_the_commands(self, airflow_home):
        """Typed in, or by the schedule; where it cannot be told, the alert still comes."""

        from recsys_dag.alerting import failure_of

        day = datetime(2026, 1, 12, tzinfo=UTC)
        names = {"dag_id": "daily_recommendations", "run_id": "r", "clear_number": 0, "run_type": "manual"}
        interval = {"data_interval_start": day, "data_interval_end": day.replace(day=13), "logical_date": day}
        typed, scheduled = {"conf": {"day": "2026-01-12"}, **interval}, {"conf": None, **interval}
        for known in (typed | {"data_interval_start": None, "data_interval_end": None}, scheduled):
            text = failure_of(SimpleNamespace(**names, **known), "check_data", "DataRefused: why").text
            assert "recsys run --date 2026-01-12 --accept-data WHY" in text
        assert "--date DATE" in failure_of(SimpleNamespace(**names), "check_data", "DataRefused: why").text


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
