"""A listener in the scheduler: before a run of ours starts, the pools that its tasks name exist.

Airflow leaves a task whose pool does not exist in the state "scheduled" for ever, and tells only the scheduler's log;
nothing that runs as a task may ask for pools. So what is missing is made, with one slot, in the scheduler's own
transaction; a pool that exists is never touched.
"""

import logging
from typing import Any

from airflow.listeners import hookimpl

OURS = (
    "daily_recommendations",
    "release_freshness",
    "alert_delivery",
    "deliver_recommendations",
    "recommendations_act",
)
MADE = "Made with one slot because a task names it; give it as many as its tasks may use at the same time"
log = logging.getLogger(__name__)


@hookimpl
def on_dag_run_running(dag_run: Any) -> None:
    """Make the pools that are missing."""
    from sqlalchemy.orm import object_session

    session = object_session(dag_run) if dag_run.dag_id.startswith(OURS) else None
    if session is None:
        return
    try:
        session.flush()
        # What fails in here must not spoil the transaction of the scheduler, which forbids its session a savepoint.
        with session.connection().begin_nested():
            for name in missing_pools(dag_run, session):
                make_pool(name, session)
                log.warning("Pool %s did not exist and was made with one slot: %s names it.", name, dag_run.dag_id)
    except Exception:
        log.exception("The pools that %s names could not be looked at, and none was made", dag_run.dag_id)


def missing_pools(dag_run: Any, session: Any) -> list[str]:
    """Names of pools that the tasks of a run ask for and that are not there."""
    from airflow.models.pool import Pool
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    asked = select(TaskInstance.pool).where(
        TaskInstance.dag_id == dag_run.dag_id,
        TaskInstance.run_id == dag_run.run_id,
        TaskInstance.pool.not_in(select(Pool.pool)),
    )
    return sorted(set(session.scalars(asked)))


def make_pool(name: str, session: Any) -> None:
    """Make a pool of one slot; one that another scheduler makes at the same moment is as good."""
    from airflow.models.pool import Pool
    from sqlalchemy import insert
    from sqlalchemy.dialects import postgresql, sqlite

    row = {"pool": name, "slots": 1, "description": MADE, "include_deferred": False}
    kinds: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    kind = session.get_bind().dialect.name
    if kind in kinds:
        session.execute(kinds[kind](Pool).values(row).on_conflict_do_nothing())
    else:
        session.execute(insert(Pool).values(row).prefix_with("IGNORE"))
