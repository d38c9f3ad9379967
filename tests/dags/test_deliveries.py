"""The DAG that delivers: made where products are configured, started by a release, told like every other failure."""

import json

import pytest
from conftest import execute, fetch
from dag_runs import ALERTS, load_bag, states_of
from settings import TOML

NAME = "deliver_recommendations"
DELIVER = '[deliver]\nproducts = ["discover", "popular"]\n[products]\nk = 5\n'


@pytest.fixture
def delivering(sinks, copied, source_dsn, monkeypatch, tmp_path):
    """A store of three released days, a configuration that delivers and tells, and the address of a sink."""
    (tmp_path / "config.toml").write_text(TOML + ALERTS + DELIVER)
    monkeypatch.setenv("RECSYS_ROOT", str(copied.store.root))
    monkeypatch.setenv("RECSYS_SINK_DSN", source_dsn)
    return source_dsn


def load():
    """The DAG as Airflow reads it now."""
    bag = load_bag()
    assert bag.import_errors == {}
    return bag.dags[NAME]


def test_its_shape(delivering):
    """Lists are made in the store's pool, the sink is loaded outside of it; both are retried, explained, told of."""
    dag = load()
    assert {task.task_id: task.pool for task in dag.tasks} == {
        "make_lists": "recsys_state",
        "load_sink": "default_pool",
    }
    assert dag.task_dict["make_lists"].downstream_task_ids == {"load_sink"}
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert [asset.name for asset in dag.task_dict["load_sink"].outlets] == ["recommendations_delivered"]
    (waited_for,) = dag.timetable.asset_condition.objects
    assert waited_for.name == "live_index"
    for task in dag.tasks:
        assert task.retries > 0
        assert task.execution_timeout is not None
        assert [callback.__name__ for callback in task.on_failure_callback] == ["tell_failure"]
        assert f"| `{task.task_id}` |" in dag.doc_md
    assert dag.on_failure_callback.__name__ == "tell_what_nobody_told"


def test_a_run_delivers_and_the_next_one_finds_it(delivering):
    """The tables are there after the first run; the second one's last task is skipped, so that no event tells of it."""
    first = load().test()
    assert states_of(first) == {"make_lists": "success", "load_sink": "success"}
    assert fetch(delivering, "SELECT DISTINCT release FROM discover") == [(3,)]
    second = load().test()
    assert (str(second.state), states_of(second)["load_sink"]) == ("success", "skipped")


def test_a_sink_that_refuses_is_told_with_what_to_do(delivering, copied):
    """Red without a retry, one alert in the outbox that says what stands in the way, and the table stays."""
    execute(delivering, "CREATE TABLE discover (mine int)")
    run = load().test()
    assert (str(run.state), states_of(run)["load_sink"]) == ("failed", "failed")
    (alert,) = (copied.store.root / "alerts").iterdir()
    assert "was not made by a delivery" in "".join(file.read_text() for file in alert.iterdir())
    assert fetch(delivering, "SELECT count(*) FROM discover") == [(0,)]


def test_the_sink_is_a_connection_of_airflow(delivering, monkeypatch):
    """It goes before the environment, as the source's does."""
    import psycopg2.extensions

    parts = psycopg2.extensions.parse_dsn(delivering)
    values = {"conn_type": "postgres", "host": parts["host"], "login": parts["user"], "schema": parts["dbname"]}
    monkeypatch.setenv("AIRFLOW_CONN_RECSYS_SINK", json.dumps(values))
    monkeypatch.setenv("RECSYS_SINK_DSN", "postgresql://nobody@127.0.0.1:1/nothing")
    assert states_of(load().test())["load_sink"] == "success"


def test_without_products_there_is_no_such_dag(dag):
    """An installation that delivers nothing sees no DAG of deliveries."""
    assert NAME not in load_bag().dags
