"""What ``tune`` learns from and hides: the days of the source, as they are stored once they are extracted."""

from collections.abc import Sequence

import numpy as np

from recsys_tasks.core.domain import Day
from recsys_tasks.evaluation.ensemble_data import Material, faded
from recsys_tasks.evaluation.tuning_split import TuningSplit, split_time
from recsys_tasks.matrix.chain import Chain
from recsys_tasks.matrix.play_matrix import day_counts, empty_matrix, fold, known_counts
from recsys_tasks.recommenders.recent import Recent
from recsys_tasks.steps.beside import catalogue_of
from recsys_tasks.steps.extract import extract_streams
from recsys_tasks.steps.matrix import chain_of
from recsys_tasks.steps.ranked import artists_of
from recsys_tasks.steps.workplace import Workplace


def time_split(at: Workplace, last: Day, days: int, allow_empty: bool = False) -> TuningSplit:
    """Train on the dates before the last ``days``, hide the discoveries of these. Missing dates are extracted.

    Raises:
        EmptyDay: a date has no qualified stream, and that was not allowed.
    """
    extract_streams(at, last, allow_empty)
    return _split(at, chain_of(at, last), days)


def ensemble_material(
    at: Workplace, last: Day, days: int, recents: Sequence[Recent], allow_empty: bool = False
) -> Material:
    """The same with all that components beside ALS are made of.

    Args:
        at: store and configuration.
        last: newest date to use.
        days: so many last dates are hidden.
        recents: what counts recent plays.
        allow_empty: whether a date without a qualified stream is a day like others.
    """
    split, whole = time_split(at, last, days, allow_empty), chain_of(at, last)
    chain, teaching = whole[:-days], whole[-days:][: split.n_earlier]
    every = (day_counts(at.partitions.load(*each), split.users, split.tracks) for each in chain)
    later = [known_counts(at.partitions.load(*each), split.users, split.tracks) for each in teaching]
    recent, recent_later = faded(every, split.training, split.tracks, recents, later)
    catalogue = catalogue_of(at, last)
    return Material(split, chain[-1][0], recent, artists_of(catalogue, split.tracks), catalogue, recent_later)


def undated_material(split: TuningSplit, day: Day) -> Material:
    """What can be made of play counts without dates."""
    return Material(split, day, {}, np.full(len(split.tracks), -1))


def _split(at: Workplace, chain: Chain, days: int) -> TuningSplit:
    first = at.partitions.load(*chain[0])
    before = empty_matrix(first.user_ids.type, first.track_ids.type)
    for day, digest in chain[:-days]:
        before = fold(before, day, at.partitions.load(day, digest), digest)
    return split_time(before, [(day, at.partitions.load(day, digest)) for day, digest in chain[-days:]])
