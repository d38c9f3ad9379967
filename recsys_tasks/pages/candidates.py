"""The judged candidates and the release log as tables: what each verdict was, why, and what came of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.evaluation.estimates import Z_95
from recsys_tasks.pages.remembered import Remembered, judgements_of, log_of
from recsys_tasks.release.bundle import GATED
from recsys_tasks.release.log import PIN, PUBLISH, PUBLISH_OLDER, ROLLBACK, UNPIN, Entry
from recsys_tasks.release.series import by_date
from recsys_tasks.storage.store import Store

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
    """What of the tables is asked for."""

    verdict: str = ""  # of VERDICTS; empty: all
    first: Day | None = None
    last: Day | None = None
    page: int = 1  # of the dates, newest first
    log: int = 1  # page of the release log
    notes: tuple[str, ...] = ()  # what was asked for and not understood

    def address(self, **changes: Any) -> str:
        """The query of this choice with changes, without what is usual."""
        wanted = self._replace(**changes)
        days = {"from": wanted.first, "to": wanted.last}
        said = {"verdict": wanted.verdict} | {name: day.isoformat() for name, day in days.items() if day}
        pages = {name: value for name, value in (("page", wanted.page), ("log", wanted.log)) if value > 1}
        return "&".join(f"{name}={value}" for name, value in (said | pages).items() if value)


class Shown(NamedTuple):
    """Part of a table."""

    rows: Sequence[Any]
    page: int
    pages: int
    total: int


def wanted(verdict: str, first: str, last: str, page: str, log: str) -> Wanted:
    """What a caller asks for; whatever is not understood is left out, and said."""
    notes: list[str] = []
    if verdict not in ("", *VERDICTS):
        notes.append(f"There is no verdict “{verdict[:40]}”: all are shown.")
        verdict = ""
    since, until = _day(first, notes), _day(last, notes)
    if since and until and since > until:
        notes.append("The first date lies after the last: both were left out.")
        since = until = None
    return Wanted(verdict, since, until, _page(page), _page(log), tuple(notes))


def candidates(store: Store, asked: Wanted) -> dict[str, Any]:
    """Everything that the page *Candidates and releases* names.

    Args:
        store: where to look.
        asked: which dates, which verdicts, which page.

    Raises:
        CorruptArtefact: the release log is damaged.
    """
    log = log_of(store)
    judgements, damaged = judgements_of(store, log)
    dates = by_date([*judgements, *map(_of_damaged, damaged)])
    chosen = [found for _, rows in sorted(dates.items(), reverse=True) if (found := _of(rows, asked))]
    shown = part(chosen, asked.page)
    runs, entries = _runs(store), {entry.number: entry for entry in log.releases}
    return {
        "asked": asked,
        "verdicts": VERDICTS,
        "judged": len(dates),
        "dates": shown._replace(rows=[[_told(store, row, runs, entries) for row in rows] for rows in shown.rows]),
        "damaged": len(damaged),
        "entries": part(log.entries[::-1], asked.log),
        "live": log.live,
        "kinds": KINDS,
        "others": len(judgements) + len(damaged) - len(dates),
    }


def part(rows: Sequence[Any], page: int) -> Shown:
    """One page of a table; the last one where there are fewer."""
    pages = max(1, -(-len(rows) // LENGTH))
    page = min(page, pages)
    return Shown(rows[(page - 1) * LENGTH : page * LENGTH], page, pages, len(rows))


def _of(rows: Sequence[Row], asked: Wanted) -> list[Row]:
    """The judgements of a date that are asked for."""
    day = rows[0]["day"]
    if (asked.first and day < asked.first.isoformat()) or (asked.last and day > asked.last.isoformat()):
        return []
    return [row for row in rows if asked.verdict in ("", row["outcome"])]


def _of_damaged(row: Row) -> dict[str, Any]:
    """The row of a judgement that cannot be read, so that it stands with the others of its date."""
    return {**row, "outcome": "", "release": None, "incumbent_release": None, "candidate": ""}


def _told(store: Store, row: Row, runs: Mapping[str, str], entries: Mapping[int, Entry]) -> dict[str, Any]:
    """A judgement with what the page says beside it."""
    if "damage" in row:
        return {**row}
    entry = entries.get(row["release"])
    refused = row["release"] is None and row["outcome"] in ("HOLD", "BLOCK") and not row["exact"]
    stored = refused and (store.bundle_path(row["candidate"]) / GATED).is_dir()
    return {
        **row,
        "entry": entry,
        "by_hand": entry is not None and (entry.kind == PUBLISH_OLDER or entry.verdict != "PASS"),
        "difference": difference(row["pair"]),
        "run": runs.get(row["judgement"], entry.run_id if entry else ""),
        "releasable": stored,
        "gone": refused and not stored,
    }


def difference(pair: Row | None) -> tuple[float, float | None, float | None] | None:
    """Difference to the live release and its 95 % interval, as shares of the live release's precision.

    None where nothing was compared, or the live release had no hit.
    """
    if not pair or pair["incumbent"] <= 0:
        return None
    d, error, live = pair["difference"], pair["standard_error"], pair["incumbent"]
    if error is None:
        return d / live, None, None
    return d / live, (d - Z_95 * error) / live, (d + Z_95 * error) / live


def _runs(store: Store) -> dict[str, str]:
    """Judgement -> the run that evaluated first."""
    found: dict[str, str] = {}
    for record in Remembered(store.root).runs_of("evaluate"):
        result = record.get("result")
        if isinstance(result, dict) and "judgement" in result:
            found.setdefault(str(result["judgement"]), str(record["run_id"]))
    return found


def _day(text: str, notes: list[str]) -> Day | None:
    """A date; None where none is asked for, or what is asked for is none."""
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
