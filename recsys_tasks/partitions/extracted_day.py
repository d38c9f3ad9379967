"""The play counts of a business day, and what became of each of its rows: read = kept + dropped."""

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow.compute as pc

from recsys_tasks.core.domain import Day, PlayCounts
from recsys_tasks.partitions.day_traces import DayTraces
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.partitions.suppression import SUPPRESSED
from recsys_tasks.source.tally import DayTally

REASONS = ("private", "null_id", "short", "duplicate")
"""Why a row is dropped; of several reasons that hold, the first. Rows of suppressed people are one more reason."""


@dataclass(frozen=True)
class ExtractedDay:
    """What is stored of a date, before it is stored."""

    day: Day
    counts: PlayCounts = field(repr=False)
    rows_read: int
    rows_kept: int  # the sum of all plays
    dropped: dict[str, int]  # rows by reason
    fingerprint: str | None  # see Source.fingerprint
    traces: DayTraces = field(repr=False)


def account_for(day: Day, counts: PlayCounts, traces: DayTraces, tally: DayTally, suppressed: int) -> ExtractedDay:
    """Put the play counts of a date beside the source's tally of its rows: what is in neither came twice.

    Args:
        day: its date.
        counts: its play counts.
        traces: what is kept of its rows; the hours are the tally's.
        tally: what the source counted of its rows.
        suppressed: qualified rows of people on the suppression list, who are not in the counts.
    """
    kept = int(counts.plays.sum(dtype=np.uint64))
    rows = (tally.private, tally.null_id, tally.short, tally.qualified - suppressed - kept)
    dropped, traces = dict(zip(REASONS, rows, strict=True)), replace(traces, hours=tally.hours)
    dropped |= {SUPPRESSED: suppressed} if suppressed else {}
    return ExtractedDay(day, counts, tally.rows_read, kept, dropped, tally.fingerprint, traces)


def figures_of(extracted: ExtractedDay) -> PartitionFigures:
    """The figures that are stored with a partition, and that the checks of the data look at."""
    counts = extracted.counts
    first = np.ones(len(counts), dtype=bool)  # of a listener's pairs, which lie together
    first[1:] = np.asarray(pc.not_equal(counts.user_ids[1:], counts.user_ids[:-1]))
    by_one = np.add.reduceat(counts.plays, np.flatnonzero(first), dtype=np.int64)
    return PartitionFigures(
        rows_read=extracted.rows_read,
        rows_kept=extracted.rows_kept,
        dropped=extracted.dropped,
        pairs=len(counts),
        listeners=len(by_one),
        tracks=pc.count_distinct(counts.track_ids).as_py(),
        most_plays_by_one_user=int(by_one.max(initial=0)),
    )
