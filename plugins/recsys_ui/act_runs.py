"""The runs of Airflow that do what people ask for on the pages: begun in the name of who asked, and how they stand."""

from typing import TYPE_CHECKING, Any

from fastapi import HTTPException

from recsys_ui.web import Sorry

if TYPE_CHECKING:
    from recsys_tasks.core.services import Service
    from recsys_tasks.pages.acting import Signed

MOST = 16
"""Acts of a service that may wait or be done at the same time; whoever asks for another one is asked to come again."""
TASK = "act"
ACTIVE = ("queued", "running")


def begin(service: "Service", run_id: str, name: str, act: "Signed", by: str, store: str | None) -> None:
    """Have Airflow begin the run of an act.

    Args:
        service: whose.
        run_id: of the run.
        name: of the act.
        act: what goes with it.
        by: who asks; Airflow keeps it as who triggered the run, and from there the act is signed.
        store: id of the store that they saw; None where nobody knows one.

    Raises:
        HTTPException: the DAG is paused or not known, or another candidate is being released.
        Sorry: too many acts wait.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType

    from recsys_tasks.pages.acting import OfAListener, listener_variable

    given = {**act.model_dump(), "act": name, "store": store}
    with create_session(scoped=False) as session:
        _require_place(service, name, session)
        _forget_listeners(session)
        if isinstance(act, OfAListener):
            Variable.set(listener_variable(run_id), act.listener, session=session)
        trigger_dag(
            service.act,
            triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=by,
            run_id=run_id,
            conf=given,
            session=session,
        )


def run_of(service: "Service", run_id: str) -> dict[str, Any] | None:
    """What the page of an act shows: what was asked for, by whom, how it stands; None where there is no such run."""
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from recsys_tasks.pages.acting import OUTCOME, End

    with create_session(scoped=False) as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == service.act, DagRun.run_id == run_id))
        if run is None:
            return None
        said = XComModel.get_many(run_id=run_id, key=OUTCOME, task_ids=TASK, dag_ids=service.act)
        found = session.scalars(said).first()
        told = XComModel.deserialize_value(found) if found else None
        over, begun = run.state in ("success", "failed"), run.state != "queued"
        shown = {"run": run_id, "by": run.triggering_user_name, "asked": run.conf or {}, "at": run.queued_at}
        if over and told is None:
            told = {"end": End.BROKEN.value, "said": "It was killed, or somebody ended its run. Look at what is live."}
    return shown | {"outcome": told if over else None, "begun": begun, "scheduler": over or begun or _is_scheduled()}


def _require_place(service: "Service", name: str, session: Any) -> None:
    """See that a run would be begun.

    Raises:
        HTTPException, Sorry: as ``begin``.
    """
    from airflow.models.dag import DagModel

    dag = session.get(DagModel, service.act)
    if dag is None or dag.is_stale:
        said = f"Airflow does not know the DAG {service.act}: it has not read its file yet, or cannot."
        raise HTTPException(409, f"{said} Look at the import errors, or use the command line.")
    if dag.is_paused:
        raise HTTPException(409, f"The DAG {service.act} is paused, so that nothing would be done. Unpause it first.")
    active = _active(service, session)
    if len(active) >= MOST:
        raise Sorry("Busy", f"{len(active)} acts wait already. Try again in a moment.", 503, again=True)
    if name == "release" and any(run.startswith("release-") for run in active):
        raise HTTPException(409, "A candidate is being released at this moment. Wait for it, then look again.")


def _forget_listeners(session: Any) -> None:
    """Remove the names of listeners whose runs, of whichever service, were ended before they took them."""
    from airflow.models.dagrun import DagRun
    from airflow.models.variable import Variable
    from sqlalchemy import delete, select

    from recsys_tasks.pages.acting import listener_variable

    start = listener_variable("")
    named = set(session.scalars(select(Variable.key).where(Variable.key.startswith(start, autoescape=True))))
    runs = [name.removeprefix(start) for name in named]
    waiting = select(DagRun.run_id).where(DagRun.run_id.in_(runs), DagRun.state.in_(ACTIVE))
    left = named - {listener_variable(run) for run in session.scalars(waiting)}
    session.execute(delete(Variable).where(Variable.key.in_(left)))


def _active(service: "Service", session: Any) -> list[str]:
    """Ids of the runs that wait or are being done."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    active = select(DagRun.run_id).where(DagRun.dag_id == service.act, DagRun.state.in_(ACTIVE))
    return list(session.scalars(active))


def _is_scheduled() -> bool:
    """Whether a scheduler of this Airflow is alive."""
    from airflow.api.common.airflow_health import HEALTHY, get_airflow_health

    return bool(get_airflow_health()["scheduler"]["status"] == HEALTHY)
