"""The shape of a date beside the matrix of the dates before it: computed, kept, and compared with its history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import pyarrow.compute as pc

from recsys_tasks.core.domain import Day, PlayCounts, PlayMatrix
from recsys_tasks.matrix.chain import Chain, chain_digests, dates
from recsys_tasks.matrix.play_matrix import fold
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.partitions.data_quality import DataCheck
from recsys_tasks.partitions.event_sample import Hashes, replayed_share
from recsys_tasks.partitions.repository import StoredPartition
from recsys_tasks.partitions.shape import Artists, DayShape, shape_of
from recsys_tasks.partitions.shape_checks import shape_checks
from recsys_tasks.partitions.shapes import StoredShape
from recsys_tasks.source.catalogue import catalogue_rule
from recsys_tasks.steps.workplace import Workplace

FURTHEST_MATRIX_DAYS = 7
"""A stored matrix further back is not folded up to the day for the sake of its shape."""


def checks_of_shape(at: Workplace, partition: StoredPartition, before: Chain) -> list[DataCheck]:
    """Compare the shape of a date with those of the dates before it; it is computed if it is not kept.

    Args:
        at: store and configuration.
        partition: the version of the date that is looked at.
        before: the chain of the dates before it.

    Raises:
        CorruptArtefact: the matrix before it, or a partition, differs from its manifest.
    """
    day = partition.day
    shape = _shape(at, partition, before) if partition.figures.rows_kept else None
    return shape_checks(day, shape, _history(at, day), at.config.quality)


@dataclass(frozen=True)
class ShapesOfFold:
    """Keeps the shapes of the newest dates of a chain while it is folded: the history of the days to come."""

    at: Workplace
    chain: Chain

    def keep(self, before: PlayMatrix, digest: str, partition: tuple[Day, str], counts: PlayCounts) -> None:
        """Keep the shape of a date that is about to be folded, unless it was computed beside this very matrix.

        Args:
            before: the matrix of the dates before it.
            digest: of that matrix.
            partition: the date and the digest of its play counts.
            counts: these play counts.
        """
        date, at = partition[0], self.at
        is_new = (self.chain[-1][0] - date).days < at.config.quality.shape_history_days
        stored = at.partitions.version(*partition) if is_new and len(counts) and len(before.tracks) else None
        kept = at.shapes.find(stored) if stored else None
        if stored and (kept is None or kept.before != digest):
            at.shapes.save(stored, StoredShape(_computed(at, before, stored, counts, self._artists), digest))

    @cached_property
    def _artists(self) -> Artists | None:
        return _artists(self.at, self.chain[-1][0])


def history_days(at: Workplace, day: Day) -> Iterator[StoredPartition]:
    """The dates that say what is usual: not empty, and not refused unless a person accepted them; by date."""
    first = day - timedelta(days=at.config.quality.shape_history_days)
    refused = set(at.checked.refused_days())
    for date in dates(max(first, at.config.source.history_start), day - timedelta(days=1)):
        stored = at.partitions.newest(date)
        if stored is None or not stored.figures.rows_kept:
            continue
        if date not in refused or at.checked.accepted(date, stored.digest):
            yield stored


def _history(at: Workplace, day: Day) -> list[tuple[Day, DayShape]]:
    kept = ((stored.day, at.shapes.find(stored)) for stored in history_days(at, day))
    return [(date, found.shape) for date, found in kept if found]


def _shape(at: Workplace, partition: StoredPartition, before: Chain) -> DayShape | None:
    """The kept shape if it still holds, or the one computed now; None where no matrix is near enough."""
    day, kept = partition.day, at.shapes.find(partition)
    expected = chain_digests(before)[-1] if before else ""
    if kept and (kept.before == expected or not at.matrices.holds(day - timedelta(days=1), expected)):
        return kept.shape  # the dates before it are the same, or were restated and are not folded again yet
    found = _nearest(at, day, expected)
    if found is None:
        return None
    counts = at.partitions.load(day, partition.digest)
    shape = _computed(at, found[0], partition, counts, _artists(at, day))
    at.shapes.save(partition, StoredShape(shape, found[1]))
    return shape


def _nearest(at: Workplace, day: Day, expected: str) -> tuple[PlayMatrix, str] | None:
    """The matrix of the dates before a day, and its digest: of yesterday's stored ones that of its own chain first.

    The streams of the late window are restated every day, so that yesterday's matrix is rarely of the very partitions
    of today: it is as good a witness. Where the newest one is some dates older, they are folded onto it.
    """
    stored = [date for date in at.matrices.days() if date < day]
    if not stored or (day - stored[-1]).days > FURTHEST_MATRIX_DAYS:
        return None
    digests = at.matrices.digests(stored[-1])
    digest = expected if expected in digests else digests[-1]
    matrix = at.matrices.load(stored[-1], digest)
    for partition in history_days(at, day):
        if partition.day > stored[-1]:
            matrix = fold(matrix, partition.day, at.partitions.load(partition.day, partition.digest), partition.digest)
    return matrix, digest


def _computed(
    at: Workplace, before: PlayMatrix, partition: StoredPartition, counts: PlayCounts, artists: Artists | None
) -> DayShape:
    traces = at.shapes.traces(partition)
    earlier: Sequence[Hashes] = [at.shapes.traces(each).events for each in history_days(at, partition.day)]
    return shape_of(
        before,
        listeners_of(before.counts),
        counts,
        artists,
        replayed_share(traces.events, earlier),
        traces.hours,
    )


def _artists(at: Workplace, day: Day) -> Artists | None:
    """The artists by a date's catalogue snapshot; None where there is no catalogue, or nothing is known of artists."""
    if at.config.catalogue is None:
        return None
    digest = at.catalogues.find(day, catalogue_rule(at.config.catalogue))
    if digest is None:
        return None
    tracks = at.catalogues.load(day, digest)
    names = tracks["artist_id"] if tracks["artist_id"].null_count < len(tracks) else tracks["artist"]
    codes = names.combine_chunks().dictionary_encode().indices
    return Artists(tracks["track_id"].combine_chunks(), pc.fill_null(codes, -1).to_numpy())
