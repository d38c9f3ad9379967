"""An act of a person in a run of its own: what was asked for, who signs, how it ended, and what is live since."""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetAlias, Param, Variable
from airflow.sdk.exceptions import AirflowFailException

from recsys_dag.alerting import SaidNo
from recsys_dag.context import RETRIABLE, named_person, own_workplace
from recsys_dag.services import live_index, root_with_access
from recsys_tasks.core.typed_text import LONGEST_REASON

if TYPE_CHECKING:
    from recsys_tasks.core.services import Service
    from recsys_tasks.pages.acting import Outcome, Signed
    from recsys_tasks.release.log import Entry

ACTS = ("rollback", "pin", "unpin", "release", "judge_again", "erase", "exclude")
OF_A_LISTENER = ("erase", "exclude")
log = logging.getLogger(__name__)


def asked_of_a_person() -> dict[str, Param]:
    """The form of a run; the task looks at each field once more, and says which one is wrong."""
    text, number = {"default": None, "type": ["null", "string"]}, {"default": None, "type": ["null", "integer"]}
    return {
        "act": Param(**text, enum=[None, *ACTS], description="What to do"),
        "seen": Param(**number, minimum=0, description="Number of the newest entry of the release log that you saw"),
        "why": Param(**text, maxLength=LONGEST_REASON, description="The reason; stands in the log with your name"),
        "release": Param(**number, minimum=1, description="rollback: the release that goes live again"),
        "candidate": Param(**text, maxLength=64, description="release: how the digest of the candidate begins"),
        "older": Param(False, type="boolean", description="release: also when newer data are live"),
        "day": Param(**text, format="date", description="judge_again: date of the candidate"),
        "store": Param(**text, maxLength=64, description="Id of the store that you saw; empty: whichever this is"),
    }


def done(service: "Service", ti: Any, dag_run: Any, params: Mapping[str, Any]) -> tuple[str, "Entry | None"]:
    """Do what a run asks for; what was done in words, and the entry that is live where another release is live now.

    Raises:
        SaidNo: it was refused, with the reason; nothing changed.
        AirflowFailException: only the release log knows whether it was done.
    """
    from recsys_tasks.pages.acting import OUTCOME, End, Outcome

    try:
        outcome, live = _performed(service, dag_run, params)
    except AirflowFailException as error:
        outcome, live = Outcome(End.REFUSED, str(error)), None
    except RETRIABLE as error:
        outcome, live = Outcome(End.BROKEN, str(error)), None
    ti.xcom_push(OUTCOME, outcome.to_json())
    if outcome.end is End.REFUSED:
        raise SaidNo(outcome.words)
    if outcome.end is End.BROKEN:
        raise AirflowFailException(outcome.words)
    return outcome.words, live


def tell_live(service: "Service", live: "Entry", outlet_events: Any) -> None:
    """Put the event of a new live release, as a publish makes it, among those of this task."""
    from recsys_tasks.core.records import as_json
    from recsys_tasks.steps.results import LiveRelease

    shown = as_json(LiveRelease(live.release, live.day, live.candidate))
    alias = outlet_events[AssetAlias(service.act_events)]
    alias.add(live_index(service), extra={**shown, "precision": live.figures.get("precision")})


def _performed(service: "Service", dag_run: Any, params: Mapping[str, Any]) -> "tuple[Outcome, Entry | None]":
    from recsys_tasks.cli.acting import perform
    from recsys_tasks.pages.acting import command
    from recsys_tasks.steps.one_store import require_store

    by, root = named_person(dag_run, "an act"), root_with_access(service)
    with own_workplace(service) as at:
        if params["store"]:
            require_store(at.store, params["store"], f"the pages show store {params['store'][:8]}")
        words = command(params["act"], _asked(dag_run, params), by, service.name)
        before = at.releases.log().live
        outcome = perform(words, os.environ, root, log.info)
        now = at.releases.log().live
    return outcome, now if now and (before is None or before.release != now.release) else None


def _asked(dag_run: Any, params: Mapping[str, Any]) -> "Signed":
    """The act of a run, within the bounds of the pages.

    Raises:
        NoSuchAct, ConfigError: as ``recsys_tasks.pages.acting.asked``.
    """
    from recsys_tasks.pages.acting import asked

    said = {name: value for name, value in params.items() if name not in ("act", "store")}
    given = {name: value for name, value in said.items() if value is not None and value is not False}
    if params["act"] in OF_A_LISTENER:
        given["listener"] = _taken_listener(dag_run.run_id)
    return asked(params["act"] or "", given)


def _taken_listener(run_id: str) -> str:
    """The listener that a run is about, of whom Airflow keeps nothing from now on.

    Raises:
        AirflowFailException: nobody named them, or the run took the name before.
    """
    from recsys_tasks.pages.acting import listener_variable

    name = listener_variable(run_id)
    found = Variable.get(name, default=None)
    if found is None:
        said = "Which listener is not known to this run, or not any more."
        raise AirflowFailException(f"{said} Ask again on the page Try it, or by command.")
    Variable.delete(name)
    return str(found)
