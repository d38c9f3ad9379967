"""What a person can do about a failed task: by its error, because what mends one leaves another as it was."""

import re
from collections.abc import Mapping, Sequence

from recsys_tasks.release.advice import Step, accepted, made_anew
from recsys_tasks.release.commands import Run, clear, empty_day

QUARANTINED = re.compile(r"(\d{4}-\d{2}-\d{2}) is quarantined[^:]*: ([^;]+?)(?:, asked\b|;|\. |$)")
REFUSED = "DataRefused"
ONWARDS = "downstream tasks with it (what is sound is not made again)"


def after_failure(reason: str, day: str, run: Run, task: str) -> Sequence[Step]:
    """What can be done about a failed task.

    Args:
        reason: its message, which begins with the name of the error's class.
        day: ISO date of the run, or a word that stands for it.
        run: the run that the task belongs to.
        task: its id.
    """
    anew = f"clear the run from extract_streams on, {ONWARDS}"
    again = Step(anew.capitalize(), (clear(run),))
    empty = "If there truly were none, trigger the DAG with this day and allow_empty_day"
    corrupt = "Restore the file that is named from a backup, or remove its artefact, so that it is made again"
    bounds = "If a bound is wrong, change it in [quality], then clear check_data, downstream tasks with it"
    shared = "Set RECSYS_ROOT to one shared folder, or one bucket, on every machine that runs tasks"
    changed = "The live release changed, and against the new one the gate says no: a retry says the same"
    after: Mapping[str, Sequence[Step]] = {
        "EmptyDay": (
            Step(f"Find the streams of that date, then {anew}", again.commands),
            Step(empty, (empty_day(day),)),
        ),
        "BadData": (Step("Mend what the message names"), again),
        "CorruptArtefact": (Step(corrupt), again),
        "OtherStore": (
            Step(shared),
            Step("Clear the run from its first task on, downstream tasks with it", (clear(run, "wait_for_day"),)),
        ),
        "GateRefused": (
            Step(changed),
            Step("Read the newest judgement of the date, and what can be done", ("recsys status",)),
        ),
        REFUSED: (made_anew(day, run), accepted(day), Step(bounds, (clear(run, "check_data"),))),
    }
    return after.get(reason.partition(":")[0].strip()) or (
        Step("Read the message above; more of it stands in the log"),
        Step("Mend what it names"),
        Step(f"Clear the failed task, {ONWARDS}", (clear(run, task),)),
    )


def stopped_subject(reason: str) -> str:
    """The subject of a date that was stopped for what its streams are; empty where the message names none."""
    found = QUARANTINED.search(reason) if reason.startswith(REFUSED) else None
    return f"{found[1]} quarantined: {found[2]}" if found else ""
