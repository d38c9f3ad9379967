"""What a person can do about a failed task: by its error, because what mends one leaves another as it was."""

import re
from collections.abc import Mapping, Sequence

from recsys_tasks.release.advice import Step, accepted, made_anew

QUARANTINED = re.compile(r"(\d{4}-\d{2}-\d{2}) is quarantined[^:]*: ([^;]+?)(?:, asked\b|;|\. |$)")
REFUSED = "DataRefused"
AFTER_AN_ERROR: Mapping[str, tuple[Step, ...]] = {
    "EmptyDay": (
        Step("Find the streams of that date, then clear the run from extract_streams on, downstream tasks with it"),
        Step("If there truly were none, trigger the DAG with this day and allow_empty_day", ()),
    ),
    "BadData": (
        Step("Mend what the message names"),
        Step("Clear the run from extract_streams on, downstream tasks with it: what is sound is not made again"),
    ),
    "CorruptArtefact": (
        Step("Restore the file that is named from a backup, or remove its artefact, so that it is made again"),
        Step("Clear the run from extract_streams on, downstream tasks with it: what is sound is not made again"),
    ),
    "OtherStore": (
        Step("Mount one shared folder on every machine that runs tasks, and set RECSYS_ROOT to it everywhere"),
        Step("Clear the run from its first task on, downstream tasks with it"),
    ),
    "GateRefused": (
        Step("The live release changed, and against the new one the gate says no: a retry says the same"),
        Step("Read the newest judgement of the date, and what can be done", ("recsys status",)),
    ),
}
CLEAR_THE_TASK = (
    Step("Read the message above; more of it stands in the log"),
    Step("Mend what it names"),
    Step("Clear the failed task in the UI, downstream tasks with it: what is stored already is not made again"),
)


def after_failure(reason: str, day: str) -> Sequence[Step]:
    """What can be done about a failed task.

    Args:
        reason: its message, which begins with the name of the error's class.
        day: ISO date of the run, or a word that stands for it.
    """
    error = reason.partition(":")[0].strip()
    if error == REFUSED:
        bounds = "If a bound is wrong, change it in [quality], then clear check_data, downstream tasks with it"
        return [made_anew(day), accepted(day), Step(bounds)]
    return AFTER_AN_ERROR.get(error, CLEAR_THE_TASK)


def stopped_subject(reason: str) -> str:
    """The subject of a date that was stopped for what its streams are; empty where the message names none."""
    found = QUARANTINED.search(reason) if reason.startswith(REFUSED) else None
    return f"{found[1]} quarantined: {found[2]}" if found else ""
