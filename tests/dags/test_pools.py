"""What the scheduler does before a run of ours starts: pools that its tasks name and that nobody made."""

import pytest
from dag_runs import forget_store, load_dag
from settings import TOML


@pytest.fixture(scope="module")
def run(airflow_home, tmp_path_factory):
    """A run whose tasks stand in Airflow's database; its first task fails at once, for its day is not over."""
    folder = tmp_path_factory.mktemp("pools")
    (folder / "config.toml").write_text(TOML)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSYS_CONFIG", str(folder / "config.toml"))
        patch.setenv("RECSYS_ROOT", str(folder / "store"))
        yield load_dag().test(run_conf={"day": "2999-01-01"})
    forget_store()


def slots(session):
    """Slots of every pool of ours."""
    from airflow.models.pool import Pool
    from sqlalchemy import select

    return {pool.pool: pool.slots for pool in session.scalars(select(Pool).where(Pool.pool.like("recsys%")))}


class TestMissing:
    def test_a_pool_that_nobody_made_is_made_and_one_that_is_there_stays(self, run, caplog):
        """One slot and a line in the scheduler's log; what an operator set since is never set back."""
        from airflow.models.dagrun import DagRun
        from airflow.models.pool import Pool
        from airflow.utils.session import create_session
        from airflow.utils.sqlalchemy import prohibit_commit
        from recsys_pools import make_pool, on_dag_run_running
        from sqlalchemy import delete, select, update

        with create_session() as session:
            session.execute(delete(Pool).where(Pool.pool.like("recsys%")))
            started = session.scalars(select(DagRun).where(DagRun.run_id == run.run_id)).one()
            with prohibit_commit(session):  # as the scheduler calls it
                on_dag_run_running(started)
            assert slots(session) == {"recsys_state": 1}
            assert "Pool recsys_state did not exist and was made with one slot" in caplog.text
            session.execute(update(Pool).where(Pool.pool == "recsys_state").values(slots=3))
            on_dag_run_running(started)
            make_pool("recsys_state", session)  # as another scheduler would that looked at the same moment
            assert slots(session) == {"recsys_state": 3}

    def test_what_fails_here_leaves_the_scheduler_its_transaction(self, run, caplog, monkeypatch):
        """A statement that the database refuses is told, and what the scheduler does afterwards still counts."""
        import recsys_pools
        from airflow.models.dagrun import DagRun
        from airflow.models.pool import Pool
        from airflow.utils.session import create_session
        from airflow.utils.sqlalchemy import prohibit_commit
        from sqlalchemy import delete, select, text

        refused = lambda _name, session: session.execute(text("SELECT nothing FROM nowhere"))  # noqa: E731
        monkeypatch.setattr(recsys_pools, "make_pool", refused)
        with create_session() as session:
            session.execute(delete(Pool).where(Pool.pool.like("recsys%")))
            started = session.scalars(select(DagRun).where(DagRun.run_id == run.run_id)).one()
            with prohibit_commit(session):
                recsys_pools.on_dag_run_running(started)
            assert "could not be looked at, and none was made" in caplog.text
            assert slots(session) == {}

    def test_nobody_elses_run_is_looked_at(self, run):
        """The pools of other DAGs are their owners' affair."""
        from airflow.models.dagrun import DagRun
        from airflow.models.pool import Pool
        from airflow.utils.session import create_session
        from recsys_pools import on_dag_run_running
        from sqlalchemy import delete, select

        with create_session() as session:
            session.execute(delete(Pool).where(Pool.pool.like("recsys%")))
            started = session.scalars(select(DagRun).where(DagRun.run_id == run.run_id)).one()
            session.expunge(started)
            started.dag_id = "foreign"
            session.add(started)
            with session.no_autoflush:
                on_dag_run_running(started)
            session.expunge(started)
            assert slots(session) == {}

    def test_airflow_knows_the_listener(self, airflow_home):
        """It is a part of the plugin, which the scheduler loads."""
        from recsys_pages import RecsysPlugin

        assert [listener.__name__ for listener in RecsysPlugin.listeners] == ["recsys_pools"]
