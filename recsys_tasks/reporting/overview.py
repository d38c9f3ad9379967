"""The overview of a store: what is live, the releases, the judged days, and the steps of the last run."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.domain import parse_day
from recsys_tasks.core.formatting import count, decimal
from recsys_tasks.partitions.checked import CheckedDays
from recsys_tasks.partitions.quarantine import Quarantine
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.release.judgements import Judgements
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.release.releases import Releases
from recsys_tasks.release.series import by_date, judgement_row, newest
from recsys_tasks.reporting.standing import in_lines, last_word, next_steps
from recsys_tasks.reporting.terminal_tables import as_table
from recsys_tasks.storage.run_records import RunRecords
from recsys_tasks.storage.store import ArtefactStore

Row = dict[str, Any]
NEXT = "What to do next:"


def overview(store: ArtefactStore, now: datetime, days: BusinessDays = UTC_DAYS) -> dict[str, Any]:
    """What is live, all releases, quarantined dates, the judgements, the gate's last word, and the newest run's steps.

    Judgements come by date; of one date the one that counts is the last.

    Raises:
        CorruptArtefact: the release log or a manifest is damaged.
    """
    log, judgements = Releases(store).log(), Judgements(store)
    rows = [judgement_row(log, judgements, judgement) for judgement in judgements.of()]
    return {
        "live": _live_row(log, now, days),
        "releases": [_release_row(log, number) for number in _numbers(log)],
        "quarantined": [str(found) for found in Quarantine(Partitions(store), CheckedDays(store)).days()],
        "days": [row for of_date in by_date(rows).values() for row in reversed(of_date)],
        "last_word": last_word(log, rows) or _went_live(newest(rows)),
        "next": in_lines(next_steps(log, rows, days)),
        "steps": _last_steps(store),
    }


def age_hours(day: str, now: datetime, days: BusinessDays) -> float:
    """Hours since the end of a data day: the age of a release."""
    return (now - days.end(parse_day(day))).total_seconds() / 3600


DAY_COLUMNS = {
    "day": "day",
    "listeners": "scored",
    "precision": "candidate p@k",
    "popularity": "popular p@k",
    "incumbent": "live p@k",
    "user_recall": "recall",
    "similar_recall": "similar",
    "outcome": "verdict",
    "release": "release",
}


STEP_COLUMNS = {"step": "step", "seconds": "seconds", "peak_megabytes": "peak MB", "outcome": "ended"}


def status_text(status: Mapping[str, Any]) -> str:
    """The overview in words: first what is live, then the days, then the gate's last word and what can be done."""
    live, days = status["live"], status["days"]
    if live is None:
        headline = "Nothing has been published yet."
    else:
        pin = f", pinned by {live['by']}: {live['why']}" if live["pinned"] else ""
        headline = (
            f"Release {live['release']} (data of {live['day']}, {count(live['age_hours'])} hours old) is live{pin}."
        )
    headline = "\n".join([headline, *(f"{found}." for found in status["quarantined"])])
    if not days:
        return f"{headline}\nNo day has been judged. Run one: recsys run --date YYYY-MM-DD"
    said = f"{status['last_word'][0].upper()}{status['last_word'][1:]}."
    advised = [NEXT, *status["next"]] if status["next"] else []
    last = "\n".join([said, *advised])
    return "\n\n".join([headline, as_table(days, DAY_COLUMNS), last, *_steps_text(status["steps"])])


def _went_live(row: Row | None) -> str:
    """The newest judgement where nothing more came of it than that it went live; empty where there is none."""
    if row is None:
        return ""
    return f"the candidate of {row['day']} went live as release {row['release']}: {'; '.join(row['reasons'])}"


def _steps_text(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each step of the last run took; empty where no record is left."""
    if not steps:
        return []
    shown = [{**step, "seconds": decimal(step["seconds"], 1), "outcome": step["outcome"][:40]} for step in steps]
    return [f"The run that began last, {steps[0]['run_id']}:\n{as_table(shown, STEP_COLUMNS)}"]


def _last_steps(store: ArtefactStore) -> list[Row]:
    """Seconds, peak memory and end of each step of the run that began last."""
    kept = RunRecords(store)
    runs = kept.of_step("extract_streams")
    names = ("run_id", *STEP_COLUMNS)
    return [{name: step[name] for name in names} for step in kept.of_run(runs[-1]["run_id"])] if runs else []


def _live_row(log: ReleaseLog, now: datetime, days: BusinessDays) -> Row | None:
    entry = log.live
    if entry is None:
        return None
    day = entry.day.isoformat()
    return {
        "release": entry.release,
        "entry": entry.number,
        "kind": entry.kind,
        "day": day,
        "age_hours": age_hours(day, now, days),
        "pinned": entry.pinned,
        "by": entry.by,
        "why": entry.why,
        "candidate": entry.candidate,
        "precision": entry.figures.get("precision"),
    }


def _release_row(log: ReleaseLog, number: int) -> Row:
    entry = log.release(number)
    return {
        "release": number,
        "day": entry.day.isoformat(),
        "candidate": entry.candidate,
        "verdict": entry.verdict,
        "by": entry.by,
        "why": entry.why,
        "at": entry.at,
        "precision": entry.figures.get("precision"),
    }


def _numbers(log: ReleaseLog) -> Iterable[int]:
    return (entry.number for entry in log.releases)
