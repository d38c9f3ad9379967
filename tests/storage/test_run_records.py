"""The records of runs, on the disk and in memory: no try is lost, and what cannot be read hides nothing else."""

import pytest

from recsys_tasks.pages.remembered import RememberedRuns
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.storage.run_records import RunRecords, first_runs, run_name


@pytest.fixture
def runs(store):
    """None yet, in a store of each kind."""
    return RunRecords(store)


def record(began="2026-01-15", **more):
    """What a step leaves."""
    return {"step": "gate", "began": began, "outcome": "ok"} | more


class TestTries:
    def test_a_try_without_a_result_is_replaced(self, runs):
        """Killed, then done: one record is left, the one with the result."""
        runs.save("run", "gate", record(outcome="killed"))
        runs.save("run", "gate", record("2026-01-16", result={"day": "2026-01-15"}))
        (kept,) = runs.of_run("run")
        assert (kept["outcome"], kept["run_id"]) == ("ok", "run")

    def test_a_try_with_a_result_stays(self, runs):
        """Each later try lies beside it; the last one that has a result answers for the step."""
        for n, more in enumerate([{"result": 1}, {"result": 2}, {"outcome": "killed"}], 1):
            runs.save("run", "gate", record(f"2026-01-0{n}", **more))
        assert [kept.get("result") for kept in runs.of_run("run")] == [1, 2, None]
        assert runs.last("run", "gate")["result"] == 2
        assert runs.last("run", "publish") is None

    def test_a_step_whose_name_begins_alike_is_another(self, runs):
        """Neither of the two is taken for the other."""
        runs.save("run", "gate", record(result=1))
        runs.save("run", "gate2", record(result=2))
        assert runs.last("run", "gate")["result"] == 1
        assert [name for name, _ in runs.steps_in("run", "gate")] == ["gate"]
        assert [name for name, _ in runs.steps_in("run")] == ["gate", "gate2"]


class TestRuns:
    @pytest.mark.parametrize("run_id", ["../../releases/log", ".hidden", "manual__2026-01-15T00:00:00+00:00", "a b/c"])
    def test_a_run_lies_in_one_folder_of_its_own(self, runs, store, run_id):
        """Whatever a run is called, its records lie directly below the folder of records, and are found again."""
        runs.save(run_id, "gate", record(result=1))
        assert runs.last(run_id, "gate")["run_id"] == run_id
        folder, name = run_name(run_id).split("/")
        assert store.names(folder) == [name]
        assert store.names(run_name(run_id)) == ["gate.json"]
        assert not name.startswith(".")

    def test_two_runs_whose_names_differ_by_a_sign_are_two(self, runs):
        """They share a folder, and neither answers for the other."""
        runs.save("a b", "gate", record(result=1))
        runs.save("a/b", "publish", record(result=2))
        assert [kept["result"] for kept in runs.of_run("a b")] == [1]
        assert runs.last("a/b", "gate") is None

    def test_the_records_of_a_step_come_in_the_order_in_which_they_began(self, runs):
        """Over all runs; the first one that made a thing is the one that is named."""
        for n, run_id in ((2, "late"), (1, "early")):
            runs.save(run_id, "gate", record(f"2026-01-0{n}", result={"judgement": "j"}))
        found = runs.of_step("gate")
        assert [kept["run_id"] for kept in found] == ["early", "late"]
        assert first_runs(found, "judgement") == {"j": found[0]}

    @pytest.mark.parametrize("result", [5, [1], {"restated": 5}, {"restated": {"a": 1}}, {"restated": "2026"}, None])
    def test_a_record_that_says_nothing_sensible_of_restated_dates_says_nothing(self, runs, store, result):
        """Pages gather them from all records: one that was tampered with keeps none of them from being shown."""
        runs.save("other", "extract_streams", record(result={"restated": ["2026-01-02"]}))
        runs.save("run", "extract_streams", record(result=result))
        assert runs.restated_by() == {"2026-01-02": ["other"]}
        assert [trace.restated for traces in RememberedRuns(Viewed(store)).traces() for trace in traces] == [
            ("2026-01-02",),
            (),
        ]

    @pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"[" * 100_000, b"\xff"])
    def test_a_damaged_record_hides_no_other(self, runs, store, content):
        """It is left out: nothing but pages depends on records."""
        runs.save("run", "gate", record(result=1))
        store.replace(f"{run_name('run')}/publish.json", content)
        assert [kept["result"] for kept in runs.of_run("run")] == [1]
        assert runs.of_step("publish") == []
        assert [name for name, _ in runs.steps_in("run")] == ["gate"]
