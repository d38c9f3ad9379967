"""Where a component goes on from: what an earlier day of the same chain of partitions holds of it.

A chain that begins with another has its partitions, its row numbers and its column numbers. What is spared by that day
changes no byte; so it may be any day that is still stored, or none.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import Day, PlayMatrix, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.first_plays import FirstPlays
from recsys_tasks.matrix.play_matrix import canonical, day_counts
from recsys_tasks.recommenders.base import Arrays, Parent, TrainingData
from recsys_tasks.recommenders.content import SimilarByContent
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.recent import Recent, RecentPlays
from recsys_tasks.recommenders.renewed_neighbours import RenewedNeighbours
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.training_day import TrainingDay
from recsys_tasks.steps.workplace import Workplace


def recent_plays(of: TrainingDay, recommender: Recent, key: ModelKey) -> RecentPlays:
    """The faded plays of a chain, from those of its longest prefix that is stored."""
    matrix = of.matrix
    n, parent = _stored_prefix(of.at, recommender, key, matrix)
    days = _days(of, n)
    if recommender.counts == "discoveries":
        days = map(FirstPlays(matrix.counts, _days(of, n)).of, days)
    for plays in days:
        if parent is None and not plays.nnz:  # nothing was played up to now
            continue
        data = TrainingData(plays, matrix.users, matrix.tracks)
        parent = Parent(recommender.fit(data, parent).component, matrix.users, matrix.tracks)
    if parent is None:
        raise BadData("Nothing was played on any date, so no track is popular. Check the source and history_start.")
    return parent.component


def earlier_content(at: Workplace, key: ModelKey, matrix: PlayMatrix) -> SimilarByContent | None:
    """The similar tracks by content of the newest day before that was made in the same way; None without any."""
    return next((SimilarByContent.of(files) for _, files in _stored_prefixes(at, key, matrix)), None)


def renewed_neighbours(
    at: Workplace, recommender: NearestTracks, key: ModelKey, matrix: PlayMatrix, training: sparse.csr_matrix
) -> RenewedNeighbours:
    """The neighbours of a day. Those of old tracks come from a day since their renewal, or are found anew.

    Args:
        at: store.
        recommender: with its date of renewal.
        key: what the neighbours are stored under.
        matrix: all plays up to and with the day.
        training: (n_users, n_tracks) play counts without those of hidden listeners.
    """
    n_old = recommender.n_old(matrix.tracks)
    for _, files in _stored_prefixes(at, key, matrix):
        old = RenewedNeighbours.of(files, n_old).old(recommender.threads)
        return recommender.with_young(old, training)
    old = sparse.csr_matrix((n_old, n_old), dtype=np.float32)
    if n_old:
        plays = _before(at, recommender.renewed or key.day, matrix)[:, :n_old]
        tracks = Vocabulary(matrix.tracks.ids[:n_old], matrix.tracks.first_days[:n_old])
        old = recommender.fit(TrainingData(canonical(plays), matrix.users, tracks)).component.similar.matrix
    return recommender.with_young(old, training)


def _days(of: TrainingDay, n: int) -> Iterator[sparse.csr_matrix]:
    """The play counts of each date of a chain behind the first n. (n_users, n_tracks)."""
    for date, partition in of.matrix.chain[n:-1]:
        yield day_counts(of.at.partitions.load(date, partition), of.matrix.users, of.matrix.tracks)
    yield of.split.day_counts


def _before(at: Workplace, date: Day, matrix: PlayMatrix) -> sparse.csr_matrix:
    """The plays before a date: those of the matrix without those of the partitions since. (n_users, n_tracks)."""
    plays = matrix.counts
    for since, partition in matrix.chain:
        if since >= date:
            plays = plays - day_counts(at.partitions.load(since, partition), matrix.users, matrix.tracks)
    return sparse.csr_matrix(plays)


def _stored_prefix(
    at: Workplace, recommender: Recent, key: ModelKey, matrix: PlayMatrix
) -> tuple[int, Parent[RecentPlays] | None]:
    """How many dates the stored faded plays of the longest prefix hold, and these plays; 0 and None without any."""
    for n, files in _stored_prefixes(at, key, matrix):
        component = recommender.open(files)
        known = len(component.sums)  # the vocabulary of a prefix is the beginning of ours
        tracks = Vocabulary(matrix.tracks.ids[:known], matrix.tracks.first_days[:known])
        return n, Parent(component, matrix.users, tracks)
    return 0, None


def _stored_prefixes(at: Workplace, key: ModelKey, matrix: PlayMatrix) -> Iterator[tuple[int, Arrays]]:
    """The files of the same component of earlier days, the longest prefix first, and how many dates each holds."""
    digests = chain_digests(matrix.chain)
    for n in range(len(matrix.chain) - 1, 0, -1):
        date = matrix.chain[n - 1][0]
        for stored in at.models.of(date):
            if stored.key.matrix == digests[n - 1] and _of_our_day(stored.key, key) == key:
                yield n, arrays_of(at.models.load(date, stored.digest))


def _of_our_day(earlier: ModelKey, key: ModelKey) -> ModelKey:
    """The key that an earlier model would have on our day, with our catalogue."""
    catalogue = {name: digest for name, digest in key.parameters.items() if name == "catalogue"}
    parameters = {**earlier.parameters, **catalogue}
    return replace(earlier, day=key.day, matrix=key.matrix, split=key.split, parameters=parameters)
