"""What components are chosen on: sampled listeners to train on, and three groups of them who are asked.

On the *fitting* listeners weights and trees are learnt, on those of *validation* settings are chosen, and the
*reporting* ones are asked at the end. The first two are halves of a tuning split's choosing users. Where several dates
are hidden, the fitting listeners teach by the first of them, and the others are asked for the later ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, Day, FloatArray, IntArray, Vocabulary, day_number
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.core.lookup import are_in
from recsys_tasks.evaluation.blend_weights import MOST_LISTENERS
from recsys_tasks.evaluation.tuning_split import TuningSplit
from recsys_tasks.matrix.first_plays import FirstPlays
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.recommenders.base import Candidates, Parent, Retriever, TrainingData
from recsys_tasks.recommenders.pools import Pool, pooled, standardised
from recsys_tasks.recommenders.ranker_features import TrackFacts
from recsys_tasks.recommenders.recent import Recent, RecentPlays
from recsys_tasks.recommenders.vectors import Played, evenly_spread


@dataclass(frozen=True)
class Material:
    """All that is known before the hidden days, and what is hidden."""

    split: TuningSplit
    day: Day  # newest date of the training
    recent: Mapping[Recent, RecentPlays]  # by what counts them, at the end of that date; none without dates
    artists: IntArray  # (n_tracks,) a number for each artist, -1 where nobody says
    catalogue: pa.Table | None = None  # snapshot; None: nothing is known of the tracks
    later: Mapping[Recent, RecentPlays] = field(default_factory=dict)  # after the dates that teach alone

    def sample(self, n: int) -> "Sample":
        """So many listeners; a smaller sample is part of a larger one."""
        split, users = self.split, self.split.users
        drawn = np.sort(np.argsort(keyed_hash(users.ids, "tune listeners"), kind="stable")[:n])
        ids = users.ids.take(drawn)
        training = split.training[drawn]
        known = Vocabulary(ids, users.first_days[drawn])
        data = TrainingData(training, known, split.tracks, self.catalogue)
        ages = np.maximum(day_number(self.day) - split.tracks.first_days, 0)
        choosing, reporting = (np.flatnonzero(np.isin(drawn, rows)) for rows in (split.choosing, split.reporting))
        fits = keyed_hash(ids.take(pa.array(choosing)), "tune weights") % np.uint64(2) == 0
        hidden, heard = _told_apart(split, drawn, choosing[fits])
        there = np.diff(hidden.indptr) > 0
        groups = (
            evenly_spread(rows[there[rows]], MOST_LISTENERS) for rows in (choosing[fits], choosing[~fits], reporting)
        )
        facts = TrackFacts(listeners_of(training), ages, self.artists)
        teaches = np.isin(np.arange(len(drawn)), choosing[fits])
        recent: dict[Recent, Retriever] = {}
        for counting, plays in self.recent.items():
            first, later = (replace(each, n_users=len(drawn)) for each in (plays, self.later.get(counting, plays)))
            recent[counting] = TwoDates(first, later, teaches) if self.later else first
        return Sample(data, hidden, heard, facts, recent, self.day, *groups)


@dataclass(frozen=True)
class Sample:
    """Some listeners under row numbers of their own."""

    data: TrainingData
    hidden: sparse.csr_matrix  # (n_users, n_tracks)
    heard: sparse.csr_matrix  # (n_users, n_tracks) all plays before the hidden ones: left out of every list
    facts: TrackFacts
    recent: Mapping[Recent, Retriever]
    day: Day
    fitting: IntArray  # rows
    validation: IntArray
    reporting: IntArray

    @property
    def history(self) -> Played:
        """What each of them played before the dates that they are asked about."""
        return Played(self.heard.indptr, self.heard.indices)


@dataclass(frozen=True)
class TwoDates:
    """Recent plays as those who teach have them, and as those who judge have them on later dates."""

    first: RecentPlays
    later: RecentPlays
    teaches: BoolArray  # (n_users,) who is asked about the first dates

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``."""
        one, other = (each.candidates(user_rows, played, k, allowed) for each in (self.first, self.later))
        teaches = self.teaches[user_rows]
        cols, scores = (
            np.where(teaches[:, None], getattr(one, name), getattr(other, name)) for name in ("cols", "scores")
        )
        return Candidates(cols, scores, np.where(teaches, one.exact, other.exact))

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        one, other = (each.scores(user_rows, item_cols) for each in (self.first, self.later))
        return np.where(self.teaches[user_rows], one, other)

    def cold_users(self) -> BoolArray:
        """As ``Retriever``: nobody."""
        return self.first.cold_users()

    def cold_items(self) -> BoolArray:
        """As ``Retriever``: those without any play."""
        return self.later.cold_items()


@dataclass(frozen=True)
class Once:
    """A retriever that makes the lists of the same listeners once: a search through all tracks takes its time."""

    component: Retriever
    _lists: dict[tuple[bytes, int], Candidates] = field(default_factory=dict, repr=False)

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """As ``Retriever``, of listeners who have always the same ``played`` and ``allowed``."""
        asked = (np.asarray(user_rows).tobytes(), k)
        if asked not in self._lists:
            self._lists[asked] = self.component.candidates(user_rows, played, k, allowed)
        return self._lists[asked]

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """As ``Retriever``."""
        return self.component.scores(user_rows, item_cols)

    def cold_users(self) -> BoolArray:
        """As ``Retriever``."""
        return self.component.cold_users()

    def cold_items(self) -> BoolArray:
        """As ``Retriever``."""
        return self.component.cold_items()


@dataclass(frozen=True)
class Group:
    """A group of listeners with the candidates that every component lists for them."""

    rows: IntArray  # (n_users,) of the sample
    hidden: sparse.csr_matrix  # (n_users, n_tracks)
    pool: Pool  # of all components
    listed: BoolArray  # (n_components, n_users, n_places) whether a component lists a candidate

    @classmethod
    def asked(cls, components: Sequence[Retriever], sample: Sample, rows: IntArray, depth: int) -> "Group":
        """Ask the components, each once."""
        played = sample.history.rows(rows)
        lists = [component.candidates(rows, played, depth) for component in components]
        pool = pooled(components, lists, rows)
        n_tracks = sample.data.plays.shape[1]
        return cls(rows, sample.hidden[rows], pool, np.stack([_is_listed(pool, found, n_tracks) for found in lists]))

    def of(self, places: Sequence[int]) -> Pool:
        """The pool of some of the components alone: their candidates, with z-scores over these."""
        chosen = list(places)
        there = np.asarray(self.listed[chosen].any(axis=0))
        raw = self.pool.raw[chosen]
        z = np.stack([standardised(scores, there) for scores in raw])
        return Pool(np.where(there, self.pool.cols, -1), z, self.pool.warm, self.pool.complete, raw)


def faded(
    days: Iterable[sparse.csr_matrix],
    total: sparse.csr_matrix,
    tracks: Vocabulary,
    recents: Sequence[Recent],
    later: Sequence[sparse.csr_matrix] = (),
) -> tuple[dict[Recent, RecentPlays], dict[Recent, RecentPlays]]:
    """Recent plays after some days, and after some more; nothing where there are no more.

    Args:
        days: (n_users, n_tracks) play counts of each date from the first one on, one after the other.
        total: (n_users, n_tracks) their sum.
        tracks: their columns.
        recents: what counts them.
        later: play counts of the dates that follow.
    """
    whole = canonical(sparse.csr_matrix(sum(later, total)))
    firsts = FirstPlays(whole, [whole])
    found = _faded_on({}, days, firsts, tracks, recents)
    return found, _faded_on(found, later, firsts, tracks, recents) if later else {}


def _faded_on(
    before: Mapping[Recent, RecentPlays],
    days: Iterable[sparse.csr_matrix],
    firsts: FirstPlays,
    tracks: Vocabulary,
    recents: Sequence[Recent],
) -> dict[Recent, RecentPlays]:
    """Recent plays after some more days."""
    found = dict(before)
    for plays in days:
        data = {"listeners": TrainingData(plays, tracks, tracks)}
        data["discoveries"] = TrainingData(firsts.of(plays), tracks, tracks)
        for counting in recents:
            parent = Parent(found[counting], tracks, tracks) if counting in found else None
            if parent is not None or plays.nnz:
                found[counting] = counting.fit(data[counting.counts], parent).component
    return found


def _told_apart(split: TuningSplit, drawn: IntArray, fitting: IntArray) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Hidden plays of a sample, and what was played before them: the fitting listeners are asked about the first dates,
    the others about later ones.

    Whoever serves a release asks it on a later date than those that taught its weights and trees, when other tracks are
    played. What the others discovered on the first dates is known by then, to recent plays among others: it is no hit,
    and stands on no list. Of a single date, and without dates, everybody has all hidden plays.

    Args:
        split: the plays.
        drawn: rows of the split.
        fitting: rows of the sample.
    """
    hidden, training = split.hidden[drawn], split.training[drawn]
    if split.earlier is None:
        return hidden, training
    earlier, judges = split.earlier[drawn], np.ones((len(drawn), 1), hidden.dtype)
    judges[fitting] = 0
    known = sparse.csr_matrix(earlier.multiply(judges))
    later = hidden.multiply(judges)
    asked = earlier - known + later - later.multiply(known > 0)
    return canonical(sparse.csr_matrix(asked)), canonical(training + known)


def _is_listed(pool: Pool, found: Candidates, n_tracks: int) -> BoolArray:
    """Whether each place of a pool is on a component's lists. (n_users, n_places)."""
    owners = np.arange(len(pool.cols), dtype=np.int64)[:, None] * n_tracks
    keys = np.sort((owners + found.cols)[found.cols >= 0])
    return np.asarray(are_in(keys, owners + pool.cols) & (pool.cols >= 0))
