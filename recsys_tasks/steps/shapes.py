"""The shape of a date beside the dates before it: computed, kept, and compared with its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import pyarrow.compute as pc

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, PlayCounts, PlayMatrix, Vocabulary
from recsys_tasks.matrix.chain import Chain, dates
from recsys_tasks.matrix.play_matrix import grow
from recsys_tasks.partitions.data_quality import OK, DataCheck
from recsys_tasks.partitions.day_traces import DayTraces, traces_of
from recsys_tasks.partitions.repository import StoredPartition
from recsys_tasks.partitions.shape import Artists, Before, DayShape, shape_of
from recsys_tasks.partitions.shape_checks import shape_checks
from recsys_tasks.partitions.shapes import StoredShape
from recsys_tasks.source.catalogue import catalogue_rule
from recsys_tasks.steps.workplace import Workplace

FURTHEST_MATRIX_DAYS = 7
"""A stored matrix further back than this does not say who and what is new on a day."""
Vocabularies = tuple[Vocabulary, Vocabulary]


def checks_of_shape(at: Workplace, partition: StoredPartition) -> list[DataCheck]:
    """Compare the shape of a date with those of the dates before it; it is computed if it is not kept.

    Streams come late, so that the dates before it are others on every day. A kept shape that passes is near enough; one
    that does not is computed again beside the dates as they are now, for one of them may have been mended.

    Raises:
        CorruptArtefact: a partition or the matrix before it differs from its manifest.
    """
    if not partition.figures.rows_kept:
        return shape_checks(partition.day, None, (), at.config.quality)
    day, earlier, kept = partition.day, history_days(at, partition.day), at.shapes.find(partition)
    history = [(each.day, found.shape) for each in earlier if (found := at.shapes.find(each))]
    if kept is not None:
        checks = shape_checks(day, kept.shape, history, at.config.quality)
        if kept.before == _digest_of(earlier) or all(check.outcome == OK for check in checks):
            return checks
    counts = at.partitions.load(day, partition.digest)
    shape = _computed(at, partition, counts, _vocabularies(at, day, earlier), _artists(at, day))
    return shape_checks(day, shape, history, at.config.quality)


@dataclass(frozen=True)
class ShapesOfFold:
    """Keeps the shapes of the newest dates of a chain while it is folded: the history of the days to come."""

    at: Workplace
    chain: Chain

    def keep(self, before: PlayMatrix, partition: tuple[Day, str], counts: PlayCounts) -> None:
        """Keep the shape of a date that is about to be folded, if none is kept that knows who and what is new.

        Args:
            before: the matrix of the dates before it.
            partition: the date and the digest of its play counts.
            counts: these play counts.
        """
        date, at = partition[0], self.at
        is_recent = (self.chain[-1][0] - date).days < at.config.quality.shape_history_days
        stored = at.partitions.version(*partition) if is_recent and len(counts) and before.chain else None
        kept = at.shapes.find(stored) if stored else None
        if stored and (kept is None or kept.shape.new_tracks is None):
            _computed(at, stored, counts, (before.users, before.tracks), self._artists)

    @cached_property
    def _artists(self) -> Artists | None:
        return _artists(self.at, self.chain[-1][0])


def history_days(at: Workplace, day: Day) -> list[StoredPartition]:
    """The dates that say what is usual: neither empty nor quarantined; by date."""
    first = max(day - timedelta(days=at.config.quality.shape_history_days), at.config.source.history_start)
    stored = [found for date in dates(first, day - timedelta(days=1)) if (found := at.partitions.newest(date))]
    return [each for each in stored if each.figures.rows_kept and not at.checked.is_quarantined(each.day, each.digest)]


def _computed(
    at: Workplace,
    partition: StoredPartition,
    counts: PlayCounts,
    vocabularies: Vocabularies | None,
    artists: Artists | None,
) -> DayShape:
    """Compute the shape of a date and keep it."""
    earlier = history_days(at, partition.day)
    traces = [found for each in earlier if (found := at.shapes.traces(each))]
    shape = shape_of(counts, _traces(at, partition, counts), Before(traces, vocabularies, artists))
    at.shapes.save(partition, StoredShape(shape, _digest_of(earlier)))
    return shape


def _traces(at: Workplace, partition: StoredPartition, counts: PlayCounts) -> DayTraces:
    """The traces of a date; of one that was extracted before they were kept, those that its counts still tell."""
    traces = at.shapes.traces(partition)
    if traces is None:
        traces = traces_of(counts)
        at.shapes.save_traces(partition, traces)
    return traces


def _digest_of(earlier: Sequence[StoredPartition]) -> str:
    return digest_of("before", [[each.day.isoformat(), each.digest] for each in earlier])


def _vocabularies(at: Workplace, day: Day, earlier: Sequence[StoredPartition]) -> Vocabularies | None:
    """Who and what was seen before a day: by the newest matrix before it, and by the dates that it lacks.

    None where no matrix is stored that is near enough: nothing is folded for this.
    """
    newest = max((date for date in at.matrices.days() if date < day), default=None)
    if newest is None or (day - newest).days > FURTHEST_MATRIX_DAYS:
        return None
    users, tracks = at.matrices.vocabularies(newest, at.matrices.digests(newest)[-1])
    for each in earlier:
        if each.day > newest:
            counts = at.partitions.load(each.day, each.digest)
            users, tracks = grow(users, counts.user_ids, each.day)[0], grow(tracks, counts.track_ids, each.day)[0]
    return users, tracks


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
