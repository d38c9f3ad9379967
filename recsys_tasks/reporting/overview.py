"""What is stored, as rows that a person can read: one a judged day, and what is live."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.release.releases import read_log
from recsys_tasks.release.series import judgement_row
from recsys_tasks.storage.store import Store

Row = dict[str, Any]


def overview(store: Store, now: datetime) -> dict[str, Any]:
    """Live release, releases, judged days, newest last, and the steps of the run that began last.

    Raises:
        CorruptArtefact: the release log or a manifest is damaged.
    """
    log = read_log(store)
    return {
        "live": _live_row(log, now),
        "releases": [_release_row(log, number) for number in _numbers(log)],
        "days": [judgement_row(log, path) for path in store.evaluations_of()],
        "steps": _last_steps(store),
    }


def age_hours(day: str, now: datetime) -> float:
    """Hours since the end of a data day (UTC): the age of a release."""
    end = datetime.combine(datetime.fromisoformat(day).date() + timedelta(days=1), time(), UTC)
    return (now - end).total_seconds() / 3600


def as_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Rows as aligned text. columns: key of a row -> heading; numbers to the right, fractions with four digits."""
    cells = [list(columns.values())] + [[_cell(row.get(key)) for key in columns] for row in rows]
    widths = [max(_width(line[i]) for line in cells) for i in range(len(columns))]
    right = [all(_is_number(row.get(key)) for row in rows) for key in columns]
    lines = ["  ".join(map(_aligned, line, widths, right)).rstrip() for line in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


DAY_COLUMNS = {
    "day": "day",
    "listeners": "scored",
    "precision": "ALS p@k",
    "popularity": "popular p@k",
    "incumbent": "live p@k",
    "user_recall": "recall",
    "similar_recall": "similar",
    "outcome": "verdict",
    "release": "release",
}


STEP_COLUMNS = {"step": "step", "seconds": "seconds", "peak_megabytes": "peak MB", "outcome": "ended"}


def status_text(status: Mapping[str, Any]) -> str:
    """The overview in words: first what is live, then the days, then the last verdict's reasons."""
    live, days = status["live"], status["days"]
    if live is None:
        said = "Nothing has been published yet."
    else:
        pin = f", pinned by {live['by']}: {live['why']}" if live["pinned"] else ""
        said = f"Release {live['release']} (data of {live['day']}, {live['age_hours']:,.0f} hours old) is live{pin}."
    if not days:
        return f"{said}\nNo day has been judged. Run one: python -m recsys_tasks run --date YYYY-MM-DD"
    last = days[-1]
    reasons = "; ".join(last["reasons"])
    judged = f"{as_table(days, DAY_COLUMNS)}\n\n{last['day']}: {last['outcome']}, {reasons}."
    return "\n\n".join([said, judged, *_steps_text(status["steps"])])


def _steps_text(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each step of the last run took; nothing where no record is left."""
    if not steps:
        return []
    shown = [{**step, "seconds": f"{step['seconds']:,.1f}", "outcome": step["outcome"][:40]} for step in steps]
    return [f"The run that began last, {steps[0]['run_id']}:\n{as_table(shown, STEP_COLUMNS)}"]


def _last_steps(store: Store) -> list[Row]:
    """Seconds, peak memory and end of each step of the run that began last."""
    runs = store.runs_of("extract_streams")
    names = ("run_id", *STEP_COLUMNS)
    return [{name: step[name] for name in names} for step in store.steps_of(runs[-1]["run_id"])] if runs else []


def _live_row(log: ReleaseLog, now: datetime) -> Row | None:
    entry = log.live
    if entry is None:
        return None
    day = entry.day.isoformat()
    return {
        "release": entry.release,
        "entry": entry.number,
        "kind": entry.kind,
        "day": day,
        "age_hours": age_hours(day, now),
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


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _width(text: str) -> int:
    """Columns that a text takes on a terminal: Chinese, Japanese and Korean characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _aligned(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
