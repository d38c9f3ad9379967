"""Alerts from tasks and callbacks: to every channel, once, and no secret in them."""

from types import SimpleNamespace

import pytest
from dag_runs import ALERTS, CANARY, received
from settings import TOML


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
        for part in ("mail (SMTPRecipientsRefused)", "hook (status 302)", "slack (AirflowException 302)"):
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
    def test_airflow_understands_the_command_that_clears_a_run(self, airflow_home):
        """Options and expression as they stand in an alert; the expression names one task, and of the DAG."""
        import re
        import shlex

        from airflow.cli.cli_parser import get_parser

        from recsys_tasks.release.commands import clear_from_extraction

        words = shlex.split(clear_from_extraction("2026-01-12"))
        asked = get_parser().parse_args(words[1:])
        assert (words[0], asked.dag_id, asked.downstream) == ("airflow", "daily_recommendations", True)
        assert str(asked.start_date)[:10] == str(asked.end_date)[:10] == "2026-01-12"
        tasks = ("extract_streams", "wait_for_day", "check_data", "gate")
        assert [task for task in tasks if re.search(asked.task_regex, task)] == ["extract_streams"]

    def test_a_refused_day_is_told_with_its_date_in_the_commands(self, airflow_home):
        """Typed in, or by the schedule; where it cannot be told, the alert still comes."""
        from datetime import UTC, datetime

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
