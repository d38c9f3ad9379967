"""Fill every missing date since ``history_start``, and look at the newest ones again: streams come late.

Of a date that is stored, the source is asked for a fingerprint first: its rows are moved again only if they changed.

A backfill, a hole, a restated day and the first run on an existing service are this one path.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pyarrow as pa

from recsys_tasks.core.business_days import UTC_DAYS, BusinessDays
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, PlayCounts
from recsys_tasks.core.errors import ConfigError, EmptyDay
from recsys_tasks.core.formatting import count
from recsys_tasks.core.source import SourceConfig
from recsys_tasks.matrix.chain import dates
from recsys_tasks.partitions.day_traces import DayTraces, sample_events, traces_of
from recsys_tasks.partitions.extracted_day import ExtractedDay, account_for, figures_of
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.partitions.repository import StoredPartition
from recsys_tasks.partitions.stream_counting import count_plays
from recsys_tasks.partitions.suppression import NOBODY, SuppressionList
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.catalogue_snapshot import catalogue_snapshot
from recsys_tasks.steps.matrix import stale_from
from recsys_tasks.steps.remaining import Remaining
from recsys_tasks.steps.results import Extracted
from recsys_tasks.steps.suppress import requests_of_the_source, rewrite_partitions
from recsys_tasks.steps.trainers import require_trainer
from recsys_tasks.steps.words import rows_in_words, streams_in_words
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.stored_forms import counts_digest

EXTRACTED, RESTATED, UNCHANGED = "extracted", "restated", "unchanged"


def source_is_complete(at: Workplace, day: Day, now: datetime) -> bool:
    """Whether a day may be extracted: grace is over, and the next day has begun or the longest wait is over.

    Raises:
        SourceUnavailable: the source cannot be asked.
    """
    schedule, end = at.config.schedule, at.days.end(day)
    if now < end + timedelta(minutes=schedule.grace_minutes):
        return False
    if now >= end + timedelta(hours=schedule.longest_wait_hours):
        return True
    with at.source() as source:
        return source.has_begun(day + timedelta(days=1), now)


def extract_streams(at: Workplace, day: Day, allow_empty: bool = False, now: datetime | None = None) -> Extracted:
    """Store the partitions that a run for ``day`` needs, and the day's catalogue snapshot.

    Args:
        at: store, configuration, source.
        day: business day of the run.
        allow_empty: whether a date without a qualified stream becomes a partition of zero rows.
        now: the instant of the call, from which the deadlines of the source's erasure requests count; None: these are
            not read.

    Raises:
        ConfigError: the day is before ``history_start``, or that is before the source's first stream; or the trainer
            will not find what it needs.
        EmptyDay: a date has no qualified stream, and that was not allowed.
        SourceUnavailable, SourceMismatch: see ``source``.
    """
    start = at.config.source.history_start
    if day < start:
        raise ConfigError(f"{day} is before source.history_start ({start}). Ask for a later date, or move the start.")
    require_trainer(at.config)
    wanted, became = list(_wanted_days(at, day)), {}
    with at.source() as source:
        tables = source.check()
        _check_start(at, source)
        if now is not None:
            requests_of_the_source(at, source, now)
        rewritten, suppressed = rewrite_partitions(at), at.suppressions.now()
        remaining = Remaining(len(wanted))
        for number, date in enumerate(wanted, 1):
            newest, became[date] = _brought_up_to_date(at, source, date, day, allow_empty, suppressed)
            at.progress(f"{became[date]} {date} ({remaining.after(number)}): {_told(newest, became[date])}")
        unusable = source.unusable_instants()
        catalogue = catalogue_snapshot(at, source, day)
    if unusable:
        at.progress(f"{unusable:,} rows of the source lie in no day: their instant is missing, infinite or absurd")
    restated = sorted({*rewritten, *(date for date in wanted if became[date] == RESTATED)})
    stale = [date for date in stale_from(at, min([*restated, day + timedelta(days=1)])) if date != day]
    summary = _summary(day, became[day], restated, stale)
    if restated or stale:
        at.progress(summary)
    kinds = list(became.values())
    return Extracted(
        day=day,
        partition=newest.digest,
        figures=newest.figures,
        first_extracted=kinds.count(EXTRACTED),
        restated=tuple(restated),
        unchanged=kinds.count(UNCHANGED),
        stale=tuple(stale),
        summary=summary,
        unusable_instants=unusable,
        catalogue=catalogue,
        tables=tables,
    )


def _check_start(at: Workplace, source: Source) -> None:
    """Look once, before the first date is stored, whether the source has a stream of it.

    Raises:
        ConfigError: its first stream is later. Nobody has to allow the empty days before it one by one.
    """
    start, table = at.config.source.history_start, at.config.source.streams_table
    if at.partitions.newest(start) is not None:
        return
    first = source.first_day(since=start)
    if first is not None and first > start:
        raise ConfigError(
            f"source.history_start is {start}, and the first stream of {table} since then is of {first}. Set "
            f"history_start = {first}, or load the streams before it first."
        )


def _brought_up_to_date(
    at: Workplace, source: Source, date: Day, day: Day, allow_empty: bool, suppressed: SuppressionList
) -> tuple[StoredPartition, str]:
    """The newest version of a date, which is extracted unless it is what the source holds; what became of it."""
    rule = qualification_rule(at.config.source, at.days)
    if stored := _unchanged(at, source, date, rule):
        return stored, UNCHANGED
    extracted = extract_day(source, date, suppressed)
    figures = figures_of(extracted)
    if not extracted.rows_kept:
        _check_empty(at, date, day, allow_empty, figures)
    return _save(at, extracted, rule, figures)


def _told(newest: StoredPartition, became: str) -> str:
    """The streams of a date in words; of one that is what it was, only how many there are."""
    return f"{count(newest.figures.rows_kept)} streams" if became == UNCHANGED else streams_in_words(newest.figures)


def extract_day(source: Source, day: Day, suppressed: SuppressionList = NOBODY) -> ExtractedDay:
    """Count the qualified streams of a day, which may be none.

    Args:
        source: where they are.
        day: the date.
        suppressed: the people whose streams do not count.

    Raises:
        SourceUnavailable: the source cannot be reached, broke off, or sent another number of rows than it counted.
        SourceMismatch: its tables are not what the configuration says.
    """
    with ThreadPoolExecutor(1) as beside:  # the rows are counted while the server tallies the same snapshot
        with source.open_day(day) as opened:
            counting = beside.submit(_counted, opened.streams, suppressed, day)
            tally = opened.tally()
        counts, traces, left_out = counting.result()
        return account_for(day, counts, traces, tally, left_out)


def _counted(streams: pa.Table, suppressed: SuppressionList, day: Day) -> tuple[PlayCounts, DayTraces, int]:
    """The play counts, their traces, and how many rows suppressed people have among the streams."""
    left_out = suppressed.left_out(streams["user_id"], day)
    if left_out is not None:
        streams = streams.filter(pa.array(~left_out))
    counts = count_plays(streams)
    return counts, traces_of(counts, sample_events(streams["event_id"])), 0 if left_out is None else int(left_out.sum())


def _unchanged(at: Workplace, source: Source, date: Day, rule: str) -> StoredPartition | None:
    """A stored date that was made by this rule of the very rows that the source holds now; None: extract.

    A date whose counts are damaged is extracted again, which mends it.
    """
    stored = at.partitions.whole(date)
    if stored is None or stored.rule != rule or stored.fingerprint is None:
        return None
    return stored if source.fingerprint(date) == stored.fingerprint else None


def _save(at: Workplace, extracted: ExtractedDay, rule: str, figures: PartitionFigures) -> tuple[StoredPartition, str]:
    """Store a date's play counts; the stored version, and how it compares with the one before."""
    date, before, digest = extracted.day, at.partitions.digest(extracted.day), counts_digest(extracted.counts)
    if before not in (None, digest):
        at.partitions.keep_replaced(date)
    partition = StoredPartition(date, digest, rule, extracted.fingerprint, figures)
    at.shapes.save_traces(partition, extracted.traces)  # first: a stored date that is unchanged is not read again
    at.partitions.save(partition, extracted.counts)
    return partition, EXTRACTED if before is None else UNCHANGED if before == digest else RESTATED


def _summary(day: Day, became: str, restated: Sequence[Day], stale: Sequence[Day]) -> str:
    """What a run for a day did to the partitions, and what that makes stale, in a sentence."""
    parts = [f"{day} {became}"]
    if others := _listed(date for date in restated if date != day):
        parts.append(f"restated too: {others}")
    if stale:
        listed = f"stale matrices: {_listed(stale)}"
        parts.append(f"{listed}; the next run folds them again by itself, rebuild_through at once")
    return "; ".join(parts)


def _listed(days: Iterable[Day]) -> str:
    return ", ".join(day.isoformat() for day in days)


def qualification_rule(source: SourceConfig, days: BusinessDays = UTC_DAYS) -> str:
    """Digest of what decides which streams count, and on which date: a partition of another rule is extracted again."""
    streams = source.model_dump(exclude={"history_start", "late_window_days", "statement_timeout_s", "connections"})
    return digest_of("rule", streams, *([] if days.is_default else [days.name]))


def _wanted_days(at: Workplace, day: Day) -> Iterator[Day]:
    """Dates to extract: missing ones, those of another rule, those of the late window, and the day itself."""
    rule, late = qualification_rule(at.config.source, at.days), day - timedelta(days=at.config.source.late_window_days)
    for date in dates(at.config.source.history_start, day):
        newest = at.partitions.newest(date)
        if date >= late or newest is None or newest.rule != rule:
            yield date


def _check_empty(at: Workplace, date: Day, day: Day, allowed: bool, found: PartitionFigures) -> None:
    """Let an empty date pass if it is allowed by name, or was empty before; never in place of another day's streams.

    Raises:
        EmptyDay: it may not pass.
    """
    known = at.partitions.newest(date)
    was_empty = known is not None and known.figures.rows_kept == 0
    if was_empty or (allowed and (known is None or date == day)):
        return
    lost = f", where {known.figures.rows_kept:,} were before" if known else ""
    raise EmptyDay(
        f"The source holds no qualified stream of {date}{lost} ({rows_in_words(found)}). Load its streams, or "
        "allow the empty day by name in a run for this very date (param allow_empty_day, option --allow-empty-day)."
    )
