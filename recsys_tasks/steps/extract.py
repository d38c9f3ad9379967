"""Fill every missing date since ``history_start``, and look at the newest ones again: streams come late.

Of a date that is stored, the source is asked for a fingerprint first: its rows are moved again only if they changed.

A backfill, a hole, a restated day and the first run on an existing service are this one path.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow.compute as pc

from recsys_tasks.core.config import SourceConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import ConfigError, EmptyDay
from recsys_tasks.partitions.versions import keep_version
from recsys_tasks.source.postgres import ExtractedDay, Source
from recsys_tasks.steps.matrix import stale_days
from recsys_tasks.steps.remaining import Remaining
from recsys_tasks.steps.workplace import Reference, Workplace, told
from recsys_tasks.storage.stored_forms import counts_digest

EXTRACTED, RESTATED, UNCHANGED = "extracted", "restated", "unchanged"


def source_is_complete(at: Workplace, day: Day, now: datetime) -> bool:
    """Whether a day may be extracted: grace is over, and a later stream was seen or the longest wait is over.

    Raises:
        SourceUnavailable: the source cannot be asked.
    """
    schedule = at.config.schedule
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    if now < end + timedelta(minutes=schedule.grace_minutes):
        return False
    if now >= end + timedelta(hours=schedule.longest_wait_hours):
        return True
    with at.source() as source:
        return source.has_stream_at_or_after(day + timedelta(days=1))


def extract_streams(at: Workplace, day: Day, allow_empty: bool = False) -> Reference:
    """Store the partitions that a run for ``day`` needs.

    Args:
        at: store, configuration, source.
        day: UTC date of the run.
        allow_empty: whether a date without a qualified stream becomes a partition of zero rows.

    Returns:
        The day, its partition's digest and figures, how many dates were extracted for the first time, and how many
        again without a change, those that were restated, other dates whose stored matrices are stale, and a sentence.

    Raises:
        ConfigError: the day is before ``history_start``.
        EmptyDay: a date has no qualified stream, and that was not allowed.
        SourceUnavailable, SourceMismatch: see ``source``.
    """
    start = at.config.source.history_start
    if day < start:
        raise ConfigError(f"{day} is before source.history_start ({start}). Ask for a later date, or move the start.")
    wanted, rule = list(_wanted_days(at, day)), qualification_rule(at.config.source)
    became: dict[Day, str] = {}
    with at.source() as source:
        source.check()
        remaining = Remaining(len(wanted))
        for number, date in enumerate(wanted, 1):
            if stored := _unchanged(at, source, date, rule):
                digest, figures, became[date] = stored["digest"], stored["figures"], UNCHANGED
            else:
                extracted = source.extract_day(date)
                figures = _figures(extracted)
                if not extracted.rows_kept:
                    _check_empty(at, date, day, allow_empty, told(figures))
                digest, became[date] = _save(at, extracted, rule, figures)
            at.progress(f"{became[date]} {date} ({remaining.after(number)}): {told(figures)}")
        unusable = source.unusable_instants()
    if unusable:
        at.progress(f"{unusable:,} rows of the source lie in no day: their instant is missing, infinite or absurd")
    restated = [date for date in wanted if became[date] == RESTATED]
    stale = [date for date in stale_days(at, min([*restated, day + timedelta(days=1)])) if date != day]
    summary = _summary(day, became[day], restated, stale)
    at.progress(summary)
    return {
        "day": day.isoformat(),
        "partition": digest,
        "figures": figures,
        "first_extracted": sum(kind == EXTRACTED for kind in became.values()),
        "restated": _named(restated),
        "unchanged": sum(kind == UNCHANGED for kind in became.values()),
        "stale": _named(stale),
        "summary": summary,
        "unusable_instants": unusable,
    }


def _unchanged(at: Workplace, source: Source, date: Day, rule: str) -> dict[str, Any] | None:
    """Manifest of a stored date that was made by this rule of the very rows that the source holds now; None: extract.

    A date whose counts are damaged is extracted again, which mends it.
    """
    stored = at.store.whole_partition(date)
    if stored is None or stored["key"]["rule"] != rule or "fingerprint" not in stored["key"]:
        return None
    return stored if source.fingerprint(date) == stored["key"]["fingerprint"] else None


def _save(at: Workplace, extracted: ExtractedDay, rule: str, figures: dict[str, int]) -> tuple[str, str]:
    """Store a date's play counts; their digest, and how they compare with the version before."""
    date, counts = extracted.day, extracted.counts
    before, digest = at.store.partition_digest(date), counts_digest(counts)
    if before not in (None, digest):
        keep_version(at.store, date)
    at.store.save_partition(date, counts, rule, figures, extracted.fingerprint, digest)
    return digest, EXTRACTED if before is None else UNCHANGED if before == digest else RESTATED


def _summary(day: Day, became: str, restated: Sequence[Day], stale: Sequence[Day]) -> str:
    """What a run for a day did to the partitions, and what that makes stale, in a sentence."""
    said = [f"{day} {became}"]
    if others := _named(date for date in restated if date != day):
        said.append(f"restated too: {', '.join(others)}")
    if stale:
        listed = ", ".join(_named(stale))
        said.append(f"stale matrices: {listed}; the next run folds them again by itself, rebuild_through at once")
    return "; ".join(said)


def _named(days: Iterable[Day]) -> list[str]:
    return [day.isoformat() for day in days]


def qualification_rule(source: SourceConfig) -> str:
    """Digest of what decides which streams count: a partition made under another rule is extracted again."""
    return digest_of("rule", source.model_dump(exclude={"history_start", "late_window_days", "statement_timeout_s"}))


def _wanted_days(at: Workplace, day: Day) -> Iterator[Day]:
    """Dates to extract: missing ones, those of another rule, those of the late window, and the day itself."""
    start, rule = at.config.source.history_start, qualification_rule(at.config.source)
    late = day - timedelta(days=at.config.source.late_window_days)
    for offset in range((day - start).days + 1):
        date = start + timedelta(days=offset)
        manifest = at.store.partition_manifest(date)
        if date >= late or manifest is None or manifest["key"]["rule"] != rule:
            yield date


def _check_empty(at: Workplace, date: Day, day: Day, allowed: bool, found: str) -> None:
    """Let an empty date pass if it is allowed by name, or was empty before; never in place of another day's streams.

    Raises:
        EmptyDay: it may not pass.
    """
    known = at.store.partition_manifest(date)
    was_empty = known is not None and known["figures"]["rows_kept"] == 0
    if was_empty or (allowed and (known is None or date == day)):
        return
    lost = f", where {known['figures']['rows_kept']:,} were before" if known else ""
    raise EmptyDay(
        f"The source holds no qualified stream of {date}{lost} ({found}). Load its streams, or allow the empty day by "
        "name in a run for this very date (param allow_empty_day, option --allow-empty-day)."
    )


def _figures(extracted: ExtractedDay) -> dict[str, int]:
    counts = extracted.counts
    first = np.ones(len(counts), dtype=bool)  # of a listener's pairs, which lie together
    first[1:] = np.asarray(pc.not_equal(counts.user_ids[1:], counts.user_ids[:-1]))
    by_one = np.add.reduceat(counts.plays, np.flatnonzero(first), dtype=np.int64)
    return {
        "rows_read": extracted.rows_read,
        "rows_kept": extracted.rows_kept,
        **{f"dropped_{reason}": rows for reason, rows in sorted(extracted.dropped.items())},
        "pairs": len(counts),
        "listeners": len(by_one),
        "tracks": pc.count_distinct(counts.track_ids).as_py(),
        "most_plays_by_one_user": int(by_one.max(initial=0)),
    }
