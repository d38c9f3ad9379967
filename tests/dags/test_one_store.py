"""Workers without a shared folder: the first task that meets it says so, and nothing is made on the wrong machine."""

import pytest
from dag_runs import load_dag, states_of

from recsys_tasks import steps
from recsys_tasks.storage.mark import MARK


def told_on(root):
    """All alerts that lie in the outbox of a store."""
    return "".join(file.read_text() for file in sorted((root / "alerts").rglob("*")) if file.is_file())


class TestTwoRoots:
    def test_the_second_task_refuses_what_the_first_did_not_work_on(self, sinks, dag, world_dsn, monkeypatch, tmp_path):
        """Check_data on a machine of its own: refused before any work, told in words that help, no store made there."""
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        extract, elsewhere = steps.extract_streams, tmp_path / "elsewhere"

        def extract_here(*arguments):
            result = extract(*arguments)
            monkeypatch.setenv("RECSYS_ROOT", str(elsewhere))  # as it is for the next task, on another machine
            return result

        monkeypatch.setattr(steps, "extract_streams", extract_here)
        run = dag.test(run_conf={"day": "2026-01-13"})
        states = states_of(run)
        assert (states["extract_streams"], states["check_data"], states["train_als"]) == (
            "success",
            "failed",
            "upstream_failed",
        )
        assert not (elsewhere / MARK).exists()
        assert not {"partitions", "matrices", "runs"} & {path.name for path in elsewhere.iterdir()}
        said = told_on(elsewhere)
        assert "The task check_data of run" in said
        assert f"OtherStore: This worker finds no store at {elsewhere} on " in said
        assert f"at {tmp_path / 'store'} on " in said
        assert "Set RECSYS_ROOT to one shared folder, or one bucket" in said


class TestNoted:
    """The store of one run stands in Airflow, where every worker finds it."""

    @pytest.fixture
    def noted(self, sinks, dag, world_dsn, monkeypatch, tmp_path):
        """A run has ended; what comes next runs where another disk is mounted, and nothing lies on it."""
        monkeypatch.setenv("RECSYS_SOURCE_DSN", world_dsn)
        dag.test(run_conf={"day": "2026-01-13"}, mark_success_pattern="^(?!wait_for_day).*")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.setenv("RECSYS_ROOT", str(elsewhere))
        return elsewhere

    def test_a_run_on_an_empty_disk_ends_before_it_begins(self, noted, tmp_path):
        """Its first task says what was found there, where the store is, and what to do; no mark and no day is made."""
        states = states_of(load_dag().test(run_conf={"day": "2026-01-14"}))
        assert (states["wait_for_day"], states["extract_streams"]) == ("failed", "upstream_failed")
        assert not {"partitions", "runs", MARK} & {path.name for path in noted.iterdir()}
        said = told_on(noted)
        assert "The task wait_for_day of run" in said
        assert f"OtherStore: This worker finds no store at {noted} on " in said
        assert "(nothing lies there); the runs of this service work on store " in said
        assert f"at {tmp_path / 'store'} on " in said
        assert "delete Airflow's variable recsys_store_mark" in said

    def test_the_hourly_watch_is_not_green_there(self, noted):
        """It would find that nothing was ever published, and be content."""
        assert states_of(load_dag("release_freshness").test())["look"] == "failed"

    def test_a_store_begun_anew_on_purpose_is_noted_anew(self, noted, tmp_path):
        """Once the note is gone, the next run works on the store that it finds, or makes."""
        from airflow.models.variable import Variable

        Variable.delete("recsys_store_mark")
        run = load_dag().test(run_conf={"day": "2026-01-13"}, mark_success_pattern="^(?!wait_for_day).*")
        assert (str(run.state), (noted / MARK).exists()) == ("success", True)
        assert str(noted) in Variable.get("recsys_store_mark")
