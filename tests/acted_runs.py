"""Runs of acts that wait in Airflow's database, done without a scheduler: their tasks run here, one after another."""

from dag_runs import DAGS, load_bag


def sync_dags():
    """Put the DAGs into Airflow's database, as its processor does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.utils.session import create_session

    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
    sync_bag_to_db(BundleDagBag(str(DAGS), bundle_path=DAGS, bundle_name="dags-folder"), "dags-folder", None)


def do_what_waits(dag_id="recommendations_act"):
    """Do every run of a DAG of one task that waits; a run ends as its task does."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.definitions.dag import _run_task
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        waiting = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.state == "queued"))
        runs = [run.run_id for run in waiting]
    for run_id in runs:
        with create_session(scoped=False) as session:
            (ti,) = session.scalars(select(TaskInstance).where(TaskInstance.run_id == run_id))
            ti.state, ti.try_number = "scheduled", 1
        with create_session(scoped=False) as session:
            (ti,) = session.scalars(select(TaskInstance).where(TaskInstance.run_id == run_id))
            _run_task(ti=ti, task=load_bag().dags[dag_id].task_dict[ti.task_id])
        with create_session(scoped=False) as session:
            (ti,) = session.scalars(select(TaskInstance).where(TaskInstance.run_id == run_id))
            ti.dag_run.state = ti.state
