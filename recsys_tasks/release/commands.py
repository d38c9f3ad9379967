"""The commands that alerts, pages, reports and answers advise. What a person has to fill in stands in capitals."""

import shlex
from dataclasses import dataclass

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.core.domain import parse_day

SHORT = 12
"""Digits of a candidate's digest in a command."""
EXTRACTION = "extract_streams"


@dataclass(frozen=True)
class Run:
    """A run of Airflow that a command names."""

    dag: str
    id: str
    logical_date: str = ""
    """ISO-8601 with its offset; empty for a run that was started by hand without one, which no date can name."""


def judge_again(day: str) -> str:
    """The command that judges a date by the policy of now."""
    return f"recsys gate --date {day} --judge-again --by YOU --why REASON"


def run(day: str, option: str = "") -> str:
    """The command that runs all steps of a date."""
    return f"recsys run --date {day} {option}".strip()


def accept(day: str) -> str:
    """The command that accepts streams which were stopped."""
    return run(day, "--accept-data WHY")


def clear_scheduled(day: str, days: BusinessDays) -> str:
    """The command that has Airflow make a date's scheduled run anew, from its streams on.

    Airflow takes a bare date for midnight in UTC, and knows the run by the instant with which its day begins.
    """
    return _clear(
        "daily_recommendations", EXTRACTION, day if days.is_default else days.start(parse_day(day)).isoformat()
    )


def clear(run: Run, task: str = EXTRACTION) -> str:
    """The command that has Airflow do a task of this very run again, and what hangs on it.

    ``airflow tasks clear`` knows runs by their logical date alone. One without is named by its id, and done again from
    its first task on, where what is stored already is found.
    """
    if run.logical_date:
        return _clear(run.dag, task, run.logical_date)
    return f"airflow dags clear {run.dag} --run-id {shlex.quote(run.id)}"


def empty_day(day: str) -> str:
    """The command that takes a date without streams for an empty one."""
    return run(day, "--allow-empty-day")


def _clear(dag: str, task: str, instant: str) -> str:
    """Airflow calls ``-t`` an expression, and looks for its text in the names of tasks: with ``^`` it finds none."""
    return f"airflow tasks clear {dag} -t {task} -d -s {instant} -e {instant}"


def release(candidate: str, older: bool) -> str:
    """The command that publishes a held candidate on a person's word. older: newer data are live."""
    return f"recsys release {candidate[:SHORT]} --by YOU --why REASON{' --older' if older else ''}"


def unpin() -> str:
    """The command that lifts the pin."""
    return "recsys unpin --by YOU --why REASON"
