"""Plays to tune on, and plays to hide: of dated days or of undated counts, for two groups of users who never mix."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import Day, PlayCounts, PlayMatrix, Vocabulary
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.matrix.play_matrix import canonical, fold

HIDDEN_SHARE = 0.2


@dataclass(frozen=True)
class TuningSplit:
    """Plays to train on, and hidden plays of two groups of users."""

    users: Vocabulary
    tracks: Vocabulary
    training: sparse.csr_matrix  # (n_users, n_tracks) play counts
    hidden: sparse.csr_matrix  # (n_users, n_tracks), no cell of training among them
    choosing: npt.NDArray[np.int64]  # rows of the users that the parameters are chosen on
    reporting: npt.NDArray[np.int64]  # rows of the others
    earlier: sparse.csr_matrix | None = None  # hidden plays of the first third of the dates; None: there is one date
    n_earlier: int = 0  # how many dates these are
    unplayed: npt.NDArray[np.int64] | None = (
        None  # (n_users,) discoveries of tracks without plays before; None: no dates
    )

    @property
    def unplayed_share(self) -> float:
        """Of what the reporting users discovered, the share of tracks that nobody had played before the hidden dates:
        no list knows these. Where earlier dates teach, later ones are asked about alone."""
        if self.unplayed is None:
            return 0.0
        n_earlier = 0 if self.earlier is None else self.earlier[self.reporting].nnz
        known, new = self.hidden[self.reporting].nnz - n_earlier, int(self.unplayed[self.reporting].sum())
        return float(new / max(1, known + new))


def split_random(plays: sparse.csr_matrix, users: Vocabulary, tracks: Vocabulary, seed: int) -> TuningSplit:
    """Hide a fifth of the cells of undated play counts, drawn at random."""
    cells = canonical(plays.astype(np.uint32)).tocoo()
    hidden = np.random.default_rng(seed).random(cells.nnz) < HIDDEN_SHARE
    parts = [
        sparse.csr_matrix((cells.data[chosen], (cells.row[chosen], cells.col[chosen])), shape=plays.shape)
        for chosen in (~hidden, hidden)
    ]
    return _grouped(users, tracks, canonical(parts[0]), canonical(parts[1]))


def split_time(before: PlayMatrix, after: Sequence[tuple[Day, PlayCounts]]) -> TuningSplit:
    """Hide the discoveries of the last days: tracks that a known user had not played before them.

    Those of the first third of the dates, at least one of them, are told apart where others follow.
    """
    heard = [n for n, (_, counts) in enumerate(after) if len(counts.plays)]
    first_third = heard[len(heard) // 3 or 1 :][:1]  # the date that it ends before
    whole, earlier, taught = before, None, _unplayed(before, before)
    for n, (day, counts) in enumerate(after):
        if n in first_third:
            earlier, taught = _discoveries(before, whole), _unplayed(before, whole)
        whole = fold(whole, day, counts, "")
    split = _grouped(before.users, before.tracks, before.counts, _discoveries(before, whole))
    unplayed = _unplayed(before, whole) - taught
    return replace(split, earlier=earlier, n_earlier=sum(first_third), unplayed=unplayed)


def _discoveries(before: PlayMatrix, whole: PlayMatrix) -> sparse.csr_matrix:
    """Plays since ``before`` of tracks that its listeners had not played. (n_users, n_tracks) of it."""
    n_users, n_tracks = before.counts.shape
    later = canonical(whole.counts[:n_users, :n_tracks] - before.counts)
    return canonical(sparse.csr_matrix(later - later.multiply(before.counts > 0)))


def _unplayed(before: PlayMatrix, whole: PlayMatrix) -> npt.NDArray[np.int64]:
    """How many tracks that nobody had played before each of its listeners has played since. (n_users,) of it."""
    n_users, n_tracks = before.counts.shape
    return np.asarray(np.diff(whole.counts[:n_users, n_tracks:].indptr), dtype=np.int64)


def _grouped(
    users: Vocabulary, tracks: Vocabulary, training: sparse.csr_matrix, hidden: sparse.csr_matrix
) -> TuningSplit:
    """Two halves of the users who have both history and hidden plays, by a hash of their id."""
    asked = np.flatnonzero((np.diff(hidden.indptr) > 0) & (np.diff(training.indptr) > 0))
    first = keyed_hash(users.ids.take(asked), "tune") % np.uint64(2) == 0
    return TuningSplit(users, tracks, training, hidden, asked[first], asked[~first])
