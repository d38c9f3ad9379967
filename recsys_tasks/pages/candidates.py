"""The page *Candidates and releases*: each verdict with its reasons and what came of it, and the release log."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.pages.remembered import RememberedRuns, judgements_of, log_of, quarantined_of
from recsys_tasks.release.advice import explanation, steps
from recsys_tasks.release.bundles import GATED, Bundles
from recsys_tasks.release.log import PIN, PUBLISH, PUBLISH_OLDER, ROLLBACK, UNPIN, ReleaseLog
from recsys_tasks.release.series import by_date, judged_of, newest
from recsys_tasks.reporting.intervals import relative_difference
from recsys_tasks.storage.run_records import first_runs
from recsys_tasks.storage.store import ArtefactStore

Row = Mapping[str, Any]
VERDICTS = ("PASS", "HOLD", "BLOCK")
LENGTH = 60
"""Dates, or entries of the log, on a page."""
ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NUMBER = re.compile(r"[1-9][0-9]{0,5}")
KINDS = {
    PUBLISH: "published",
    PUBLISH_OLDER: "older data published",
    ROLLBACK: "rolled back",
    PIN: "pinned",
    UNPIN: "pin lifted",
}


class Wanted(NamedTuple):
    """Which part of the tables is asked for."""

    verdict: str = ""  # of VERDICTS; empty: all
    first: Day | None = None
    last: Day | None = None
    page: int = 1  # of the dates, newest first
    log: int = 1  # page of the release log
    notes: tuple[str, ...] = ()  # sentences on what was asked for and not understood

    def address(self, **changes: Any) -> str:
        """The query of this choice with changes; defaults are left out."""
        wanted = self._replace(**changes)
        days = {"from": wanted.first, "to": wanted.last}
        chosen = {"verdict": wanted.verdict} | {name: day.isoformat() for name, day in days.items() if day}
        pages = {name: value for name, value in (("page", wanted.page), ("log", wanted.log)) if value > 1}
        return "&".join(f"{name}={value}" for name, value in (chosen | pages).items() if value)


class Shown(NamedTuple):
    """Part of a table."""

    rows: Sequence[Any]
    page: int
    pages: int
    total: int


def wanted(verdict: str, first: str, last: str, page: str, log: str) -> Wanted:
    """What a caller asks for; whatever is not understood is left out, with a note."""
    notes: list[str] = []
    if verdict not in ("", *VERDICTS):
        notes.append(f"There is no verdict “{verdict[:40]}”: all are shown.")
        verdict = ""
    since, until = _day(first, notes), _day(last, notes)
    if since and until and since > until:
        notes.append("The first date lies after the last: both were left out.")
        since = until = None
    return Wanted(verdict, since, until, _page(page), _page(log), tuple(notes))


def candidates(store: ArtefactStore, asked: Wanted) -> dict[str, Any]:
    """Everything that the page *Candidates and releases* names.

    Args:
        store: where to look.
        asked: which dates, which verdicts, which page.

    Raises:
        CorruptArtefact: the release log is damaged.
    """
    log = log_of(store)
    judgements, damaged = judgements_of(store, log)
    dates = by_date([*judgements, *map(_damaged_row, damaged)])
    chosen = [found for _, rows in sorted(dates.items(), reverse=True) if (found := _matching(rows, asked))]
    shown = page_of(chosen, asked.page)
    last = {day: word["judgement"] for day, rows in dates.items() if (word := newest(rows))}
    runs = first_runs(RememberedRuns(store).of_step("evaluate"), "judgement")
    return {
        "asked": asked,
        "verdicts": VERDICTS,
        "judged": len(dates),
        "dates": shown._replace(rows=[[_shown(store, row, runs, log, last) for row in rows] for rows in shown.rows]),
        "damaged": len(damaged),
        "quarantined": quarantined_of(store),
        "entries": page_of(log.entries[::-1], asked.log),
        "live": log.live,
        "kinds": KINDS,
        "others": len(judgements) + len(damaged) - len(dates),
    }


def page_of(rows: Sequence[Any], page: int) -> Shown:
    """One page of a table; the last one where there are fewer."""
    pages = max(1, -(-len(rows) // LENGTH))
    page = min(page, pages)
    return Shown(rows[(page - 1) * LENGTH : page * LENGTH], page, pages, len(rows))


def _matching(rows: Sequence[Row], asked: Wanted) -> list[Row]:
    """The judgements of a date that are asked for."""
    day = rows[0]["day"]
    if (asked.first and day < asked.first.isoformat()) or (asked.last and day > asked.last.isoformat()):
        return []
    return [row for row in rows if asked.verdict in ("", row["outcome"])]


def _damaged_row(row: Row) -> dict[str, Any]:
    """The row of a judgement that cannot be read, which stands with the others of its date."""
    return {**row, "outcome": "", "release": None, "incumbent_release": None, "candidate": ""}


def _shown(
    store: ArtefactStore, row: dict[str, Any], runs: Mapping[str, Row], log: ReleaseLog, last: Mapping[str, str]
) -> dict[str, Any]:
    """A judgement with what the page shows beside it. last: date -> name of its newest judgement."""
    if "damage" in row:
        return {**row}
    entry, evaluated = log.published(row["candidate"]), runs.get(row["judgement"])
    refused = entry is None and row["outcome"] in ("HOLD", "BLOCK") and not row["exact"]
    stored = refused and Bundles(store).holds(row["candidate"], GATED)
    open_still = entry is None and (stored or row["exact"])
    return {
        **row,
        "entry": entry,
        "by_hand": entry is not None and (entry.kind == PUBLISH_OLDER or entry.verdict != "PASS"),
        "difference": relative_difference(row["pair"]),
        "run": evaluated["run_id"] if evaluated else entry.run_id if entry else "",
        "releasable": stored,
        "newest": last.get(row["day"]) == row["judgement"],
        "gone": refused and not stored,
        "decided_by": explanation(row["rule"]) if open_still else "",
        "steps": steps(judged_of(row), log.live) if open_still else [],
    }


def _day(text: str, notes: list[str]) -> Day | None:
    """A date; None where none is asked for, or where the text is no date."""
    if not text:
        return None
    try:
        if ISO.fullmatch(text):
            return parse_day(text)
    except ConfigError:
        pass
    notes.append(f"“{text[:40]}” is no date: write YYYY-MM-DD.")
    return None


def _page(text: str) -> int:
    return int(text) if NUMBER.fullmatch(text) else 1
