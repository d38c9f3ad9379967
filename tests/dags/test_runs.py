"""Whole runs of the DAGs on Airflow itself (SQLite, no scheduler): the green and the red ones."""

import os
from datetime import UTC, date, datetime

from conftest import fetch
from dag_runs import ALERTS, CANARY, load_dag, received, states_of
from settings import TOML, damage

from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.release.judgements import FIGURES
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.posix import PosixStore


class TestRuns:
    def test_a_good_day_is_published(self, dag, world_dsn, monkeypatch, tmp_path):
        """Green: every task succeeds, the alert is skipped, the release is live and the asset's event tells of it."""
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        run = dag.test(run_conf={"day": "2026-01-13"})
        states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
        assert str(run.state) == "success"
        assert states.pop("alert") == "skipped"
        assert set(states.values()) == {"success"}
        assert Releases(PosixStore(tmp_path / "store")).log().require_live().day == date(2026, 1, 13)
        assert sorted(os.listdir(tmp_path / "store" / "runs" / run.run_id.replace("/", "_"))) == sorted(
            f"{name}.json" for name in states
        )

    def test_a_run_by_hand_after_the_schedules_end_runs(self, dag, tmp_path):
        """The schedule ends at its date; a manual run with a later logical date is no empty green one."""
        from airflow.timetables.base import TimeRestriction

        (tmp_path / "config.toml").write_text(f"{TOML}\n[schedule]\nend_date = 2026-01-14\n")
        ending = load_dag()
        unrestricted = TimeRestriction(None, None, False)
        assert ending.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=unrestricted) is None
        when = datetime(2026, 9, 1, tzinfo=UTC)
        run = ending.test(logical_date=when, run_conf={"day": "2026-01-13"}, mark_success_pattern=".*")
        assert list(states_of(run).values()) == ["success"] * 12, "each had its turn; what they do is not asked here"

    def test_a_business_day_of_berlin_is_published(self, dag, world_dsn, monkeypatch, tmp_path):
        """Four o'clock in Berlin ends the day before: its streams alone are in the partition that goes live."""
        (tmp_path / "config.toml").write_text(
            f"{TOML}\n[schedule]\ntimezone = 'Europe/Berlin'\nday_starts_at = '04:00'\n"
        )
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        run = load_dag().test(logical_date=datetime(2026, 1, 15, 3, tzinfo=UTC))
        assert str(run.state) == "success"
        assert (run.data_interval_start, run.data_interval_end) == tuple(
            datetime(2026, 1, n, 3, tzinfo=UTC) for n in (14, 15)
        )
        store, day = PosixStore(tmp_path / "store"), date(2026, 1, 14)
        assert Releases(store).log().require_live().day == day
        window = "streamed_at >= '2026-01-14 04:00 Europe/Berlin' AND streamed_at < '2026-01-15 04:00 Europe/Berlin'"
        ((rows,),) = fetch(world_dsn, f"SELECT count(*) FROM streams WHERE {window}")
        found = Partitions(store).newest(day)
        assert found is not None
        assert found.figures.rows_read == rows

    def test_a_day_that_is_not_over_says_when_it_ends(self, sinks, dag, world_dsn, monkeypatch, tmp_path):
        """By the clock of its zone, in the alert as in the log; nothing waits for it, and nothing is extracted."""
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        zone = "[schedule]\ntimezone = 'Europe/Berlin'\nday_starts_at = '04:00'\n"
        (tmp_path / "config.toml").write_text(TOML + ALERTS + zone)
        run = load_dag().test(run_conf={"day": "2999-01-01"})
        states = states_of(run)
        assert (states["wait_for_day"], states["extract_streams"]) == ("failed", "upstream_failed")
        text = sinks.web.bodies(f"/{CANARY}/hook")[0]["text"]
        assert "2999-01-01 is not over yet: it ends at 2999-01-02 04:00 CET (Europe/Berlin)." in text

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
        assert received(sinks) == [0, 0, 0], "the day's run asks nobody outside"
        assert str(load_dag("alert_delivery").test().state) == "success"
        assert received(sinks) == [1, 1, 1]
        ((receivers, letter),) = sinks.mail.received
        assert receivers == ["ops@example.test"]
        assert letter["Subject"].startswith("HOLD of 2026-01-13: only ")

    def test_a_step_that_fails_is_told_once_with_its_reason(self, sinks, dag, copied, monkeypatch):
        """Its callback and the alert task both notice; the gate behind it, which judged nothing, is no second event."""
        monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
        monkeypatch.setenv("RECSYS_SOURCE_DSN", copied.dsn)
        (judgement,) = copied.judgements.of(date(2026, 1, 15))
        damage(copied.store.root / judgement.place / FIGURES / "per_user.parquet")
        run = dag.test(run_conf={"day": "2026-01-15"})
        states = states_of(run)
        assert str(run.state) == "failed"
        assert (states["evaluate"], states["gate"], states["publish"]) == ("failed", *["upstream_failed"] * 2)
        assert (states["alert"], states["report"], states["retention"]) == ("skipped", "skipped", "success")
        assert received(sinks) == [1, 1, 1]
        text = sinks.web.bodies(f"/{CANARY}/hook")[0]["text"]
        assert "evaluate failed" in text
        assert "CorruptArtefact" in text
        assert f"{judgement.place}/{FIGURES}" in text

    def test_a_slow_decline_is_told_on_a_green_day(self, sinks, dag, copied, monkeypatch, tmp_path):
        """The candidate passes, the run is green, and the alarm of the drift arrives."""
        monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
        monkeypatch.setenv("RECSYS_SOURCE_DSN", copied.dsn)
        (tmp_path / "config.toml").write_text(f"{TOML}{ALERTS}[drift]\ncusum_slack = 0\ncusum_bound = 0.1\n")
        run = dag.test(run_conf={"day": "2026-01-14"})
        assert (str(run.state), states_of(run)["alert"]) == ("success", "success")
        load_dag("alert_delivery").test()
        assert received(sinks) == [1, 1, 1]
        assert "Slow decline" in sinks.mail.received[0][1]["Subject"]


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
            assert states["hand_over"] == "skipped"
            shown = [states[name] for name in ("look", "deliver", "fresh_and_sound")]
            seen.append((str(run.state), *shown, len(sinks.mail.received)))
        assert seen == [
            ("failed", "success", "success", "failed", 1),
            ("failed", "success", "skipped", "failed", 1),
            ("success", "success", "success", "success", 2),
        ]
        assert received(sinks) == [2, 2, 2]

    def test_before_the_first_release_it_only_delivers(self, sinks):
        """Nothing can be stale yet; what daily runs could not deliver still goes out."""
        from recsys_dag.alerting import keep
        from recsys_dag.services import own_services

        from recsys_tasks.alerting.alerts import of_failure

        keep([of_failure({"dag": "d", "run": "r", "task": "t", "cleared": 0}, "boom", "")], own_services()[0])
        run = load_dag("release_freshness").test()
        assert (str(run.state), states_of(run)) == (
            "success",
            {"look": "skipped", "deliver": "success", "hand_over": "skipped", "fresh_and_sound": "skipped"},
        )
        assert received(sinks) == [1, 1, 1]

    def test_a_channel_that_is_down_is_not_its_colour(self, sinks):
        """What is refused is handed to the DAG that delivers, which is red for it; the watch stays green."""
        from recsys_dag.alerting import keep
        from recsys_dag.services import own_services

        from recsys_tasks.alerting.alerts import of_failure

        keep([of_failure({"dag": "d", "run": "r", "task": "t", "cleared": 0}, "boom", "")], own_services()[0])
        sinks.mail.answer = "450 later"
        run = load_dag("release_freshness").test()
        states = states_of(run)
        assert (str(run.state), states["deliver"], states["hand_over"]) == ("success", "success", "success")
