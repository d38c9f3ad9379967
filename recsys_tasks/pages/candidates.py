"""The page *Candidates and releases*: each verdict with its reasons and what came of it, and the release log."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import count
from recsys_tasks.pages.remembered import RememberedJudgements, RememberedRuns, Trace, log_of, quarantined_of
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.release.advice import explanation, steps
from recsys_tasks.release.bundles import GATED, Bundles
from recsys_tasks.release.log import ERASE, PIN, PUBLISH, PUBLISH_OLDER, ROLLBACK, UNPIN, Entry, ReleaseLog
from recsys_tasks.release.series import by_date, judged_of, newest
from recsys_tasks.reporting.intervals import relative_difference
from recsys_tasks.storage.store import ArtefactStore

VERDICTS = ("PASS", "HOLD", "BLOCK")
LENGTH = 60
"""Dates, or entries of the log, on a page."""
ACTS = {ROLLBACK: "rollback", PIN: "pin", UNPIN: "lifted pin", ERASE: "rewrite"}
"""What an entry is that publishes nothing."""
NUMBERS = (
    "A release has the number of the entry that published it. Rollbacks and pins are entries too, so there are gaps "
    "between the numbers of releases. A candidate that the gate refused takes no number."
)
ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NUMBER = re.compile(r"[1-9][0-9]{0,5}")
KINDS = {
    PUBLISH: "published",
    PUBLISH_OLDER: "older data published",
    ROLLBACK: "rolled back",
    PIN: "pinned",
    UNPIN: "unpinned",
    ERASE: "people erased",
}


class Wanted(NamedTuple):
    """Which part of the tables is asked for."""

    verdict: str = ""  # of VERDICTS; empty: all
    first: Day | None = None
    last: Day | None = None
    page: int = 1  # of the dates, newest first
    log: int = 1  # page of the release log
    notes: tuple[str, ...] = ()  # sentences on what was asked for and not understood

    def holds(self, day: Day) -> bool:
        """Whether a date is asked for."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

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


def candidates(store: ArtefactStore, asked: Wanted, business: BusinessDays = UTC_DAYS) -> dict[str, Any]:
    """Everything that the page *Candidates and releases* names.

    Args:
        store: where to look.
        asked: which dates, which verdicts, which page.
        business: which instants belong to which date.

    Raises:
        CorruptArtefact: the release log is damaged.
    """
    log, seen = log_of(store), Viewed(store)
    judgements = RememberedJudgements(seen, log)
    days = judgements.days()
    found = _of_verdict(judgements, days, asked) if asked.verdict else [day for day in days if asked.holds(day)]
    shown = page_of(found[::-1], asked.page)
    dates, damaged = _rows_on(judgements, shown.rows)
    last = {day: word["judgement"] for day, rows in dates.items() if (word := newest(rows))}
    runs = RememberedRuns(seen).firsts("evaluate", "judgement") if dates else {}
    chosen = [
        [_shown(seen.as_store, row, runs, log, last, business) for row in rows if asked.verdict in ("", row["outcome"])]
        for rows in dates.values()
    ]
    return {
        "asked": asked,
        "verdicts": VERDICTS,
        "judged": len(days),
        "dates": shown._replace(rows=chosen),
        "damaged": damaged,
        "quarantined": quarantined_of(seen),
        "entries": page_of(log.entries[::-1], asked.log),
        "live": log.live,
        "kinds": KINDS,
        "numbers": NUMBERS if len(log.entries) > len(log.releases) else "",
    }


def _rows_on(judgements: RememberedJudgements, days: Sequence[Day]) -> tuple[dict[str, list[dict[str, Any]]], int]:
    """Date -> its judgements, those that cannot be read too, in the order of the dates; and how many of these."""
    rows, damaged = judgements.readable(days)
    return by_date([*rows, *map(_damaged_row, damaged)]), len(damaged)


def _of_verdict(judgements: RememberedJudgements, days: Sequence[Day], asked: Wanted) -> list[Day]:
    """The dates with a judgement of the verdict that is asked for."""
    rows, _ = judgements.readable([day for day in days if asked.holds(day)])
    found = {row["day"] for row in rows if row["outcome"] == asked.verdict}
    return [day for day in days if day.isoformat() in found]


def page_of(rows: Sequence[Any], page: int) -> Shown:
    """One page of a table; the last one where there are fewer."""
    pages = max(1, -(-len(rows) // LENGTH))
    page = min(page, pages)
    return Shown(rows[(page - 1) * LENGTH : page * LENGTH], page, pages, len(rows))


def _damaged_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a judgement that cannot be read, which stands with the others of its date."""
    return {**row, "outcome": "", "release": None, "incumbent_release": None, "candidate": ""}


def _shown(
    store: ArtefactStore,
    row: dict[str, Any],
    runs: Mapping[str, Trace],
    log: ReleaseLog,
    last: Mapping[str, str],
    business: BusinessDays,
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
        "run": evaluated.run_id if evaluated else entry.run_id if entry else "",
        "releasable": stored,
        "newest": last.get(row["day"]) == row["judgement"],
        "gap": gap_before(log, entry) if entry else "",
        "gone": refused and not stored,
        "decided_by": explanation(row["rule"]) if open_still else "",
        "steps": steps(judged_of(row, business), log.live) if open_still else [],
    }


def gap_before(log: ReleaseLog, entry: Entry) -> str:
    """Why the number of a release does not follow that of the release before it; empty where it does."""
    earlier = reversed(log.entries[: entry.number - 1])
    between = list(takewhile(lambda each: not each.is_release, earlier))[::-1]
    if not between:
        return ""
    first, last = count(between[0].number), count(between[-1].number)
    took = [f"a {ACTS[kind]}" if n == 1 else f"{count(n)} {ACTS[kind]}s" for kind, n in _kinds(between).items()]
    what = f"{', '.join(took[:-1])} and {took[-1]}" if took[1:] else took[0]
    if len(between) == 1:
        return f"Number {first} is no release but {what}."
    return f"Numbers {first} {'and' if len(between) == 2 else 'to'} {last} are no releases but {what}."


def _kinds(entries: Sequence[Entry]) -> Counter[str]:
    return Counter(entry.kind for entry in entries)


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
