"""The shape of the DAGs: their tasks, their policy, and the page that explains them."""

import ast
from itertools import pairwise

import pytest
from dag_runs import DAGS, load_dag


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
        assert watch.task_dict["deliver"].downstream_task_ids == {"hand_over"}
        assert watch.task_dict["fresh_and_sound"].retries == 0
        assert all(task.execution_timeout is not None for task in watch.tasks)

    def test_what_delivers_is_started_by_whoever_has_something_to_tell(self, dag):
        """One run at a time, never paused at first; both others emit the asset it waits for, and only there."""
        delivery, watch = load_dag("alert_delivery"), load_dag("release_freshness")
        assert (delivery.max_active_runs, delivery.is_paused_upon_creation, delivery.catchup) == (1, False, False)
        assert delivery.doc_md
        assert delivery.task_dict["deliver"].retries > 10
        assert delivery.task_dict["deliver"].max_retry_delay.total_seconds() <= 120
        (waited_for,) = delivery.timetable.asset_condition.objects
        emitting = {
            f"{shown.dag_id}.{task.task_id}"
            for shown in (dag, watch)
            for task in shown.tasks
            if [asset for asset in task.outlets if asset.uri == waited_for.uri]
        }
        assert emitting == {"daily_recommendations.alert", "release_freshness.hand_over"}

    def test_an_act_is_never_tried_again_and_waits_for_no_day(self, dag):
        """The person looks first; several at a time, in no pool of one slot, and never paused at first."""
        acts = load_dag("recommendations_act")
        (task,) = acts.tasks
        assert (task.retries, task.pool, acts.is_paused_upon_creation) == (0, "default_pool", False)
        assert (acts.max_active_runs, acts.schedule, acts.catchup) == (4, None, False)

    def test_every_failure_has_somebody_who_tells(self, dag):
        """Every task of all DAGs calls back, and the daily DAG for those whose process was killed."""
        from recsys_dag.alerting import tell_failure, tell_what_nobody_told

        others = ("release_freshness", "alert_delivery", "recommendations_act")
        for task in [*dag.tasks, *(task for name in others for task in load_dag(name).tasks)]:
            assert [callback.__name__ for callback in task.on_failure_callback] == [tell_failure.__name__], task.task_id
        assert dag.on_failure_callback.__name__ == tell_what_nobody_told.__name__

    @pytest.mark.parametrize(
        ("name", "tasks"),
        [("daily_recommendations", 12), ("release_freshness", 4), ("alert_delivery", 1), ("recommendations_act", 1)],
    )
    def test_a_task_body_is_short(self, name, tasks):
        """At most six lines of code a task: what can be tested without Airflow is tested without it."""
        tree = ast.parse((DAGS / f"{name}.py").read_text())
        found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.decorator_list]
        bodies = {node.name: node.body[1:] for node in found}
        assert len(bodies) == tasks
        lines = {name: sum(s.end_lineno - s.lineno + 1 for s in body) for name, body in bodies.items()}
        assert max(lines.values()) <= 6, lines

    @pytest.mark.parametrize(
        "name", ["daily_recommendations", "release_freshness", "alert_delivery", "recommendations_act"]
    )
    def test_its_page_names_every_task(self, dag, name):
        """The operator's manual in the UI and the tasks of the DAG are the same list."""
        shown = load_dag(name)
        rows = [line.split("`")[1] for line in shown.doc_md.splitlines() if line.startswith("| `")]
        assert sorted(rows) == sorted(shown.task_dict)


def test_what_people_type_into_a_run_is_bounded_by_its_form(dag):
    """Airflow itself refuses a megabyte of reason before there is a run: every text of the form has a bound."""
    texts = {}
    for params in (dag.params, load_dag("recommendations_act").params):
        named = {name: params.get_param(name) for name in params}
        texts |= {name: each for name, each in named.items() if "string" in each.schema.get("type", ())}
    assert sorted(texts) == ["accept_data", "act", "candidate", "day", "publish_older", "store", "why"]
    for name, param in texts.items():
        fitting = "pin" if name == "act" else "2026-01-15"
        assert param.resolve(fitting) == fitting
        with pytest.raises(ValueError, match="Failed validating"):
            param.resolve("2" * 1_001)
