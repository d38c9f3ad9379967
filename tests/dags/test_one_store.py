"""Two workers without a shared folder: the second task of a run says so, and nothing is made on the wrong machine."""

from dag_runs import CANARY, states_of

from recsys_tasks import steps
from recsys_tasks.storage.mark import MARK


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
        texts = [body["text"] for body in sinks.web.bodies(f"/{CANARY}/hook")]
        (said,) = [text for text in texts if "The task check_data of run" in text]
        assert f"OtherStore: This task finds no store at {elsewhere} on " in said
        assert f"at {tmp_path / 'store'} on " in said
        assert "Set RECSYS_ROOT to one shared folder, or one bucket" in said
