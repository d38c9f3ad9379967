"""A model as its readers would ask it, and the lists that it gives: one path for candidate, live release and others.

Every list is in the candidate's track columns, and leaves out exactly what the listener is known to have played.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.core.lookup import are_cells
from recsys_tasks.evaluation.metrics import Values
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.joined import Choice, lists_from
from recsys_tasks.recommenders.pools import blocks_of
from recsys_tasks.recommenders.popular import PopularTracks
from recsys_tasks.recommenders.vectors import Played

Lists = npt.NDArray[np.int64]  # (n_users, k) track columns of the candidate's matrix, -1 for a missing place


@dataclass(frozen=True)
class EvaluatedModel:
    """One model as its readers would ask it: candidate, incumbent or reference."""

    retriever: Retriever  # row i answers for the i-th hidden listener
    popular: PopularTracks  # what a listener gets who is cold to the retriever
    own_cols: npt.NDArray[np.int64]  # (n_tracks,) its own column of each candidate track, -1 where it has none
    n_own: int  # number of its own track columns
    alike: Retriever | None = None  # the candidate's components, joined as this release joins its own


def recommend(
    model: EvaluatedModel, listeners: IntArray, played: sparse.csr_matrix, k: int, allowed: BoolArray | None = None
) -> Lists:
    """Lists of a model: as ``recommend_from``, of one choice of tracks."""
    return recommend_from(model, listeners, played, k, [Choice(allowed)])[0]


def recommend_from(
    model: EvaluatedModel,
    listeners: IntArray,
    played: sparse.csr_matrix,
    k: int,
    choices: Sequence[Choice],
) -> list[Lists]:
    """Lists of a model in the candidate's track columns; a listener who is cold to it gets the popular tracks.

    What several joined components list is drawn from the same candidates of theirs for every choice (``lists_from``).

    Args:
        model: whose lists.
        listeners: (n_users,) places among the hidden listeners.
        played: (n_users, n_tracks) in the candidate's columns, left out of every list.
        k: length of a list.
        choices: the candidate's columns (n_tracks,) that may appear in each.

    Returns:
        (n_users, k) for each choice.
    """
    known = np.flatnonzero(model.own_cols >= 0)
    back = np.full(model.n_own + 1, -1, dtype=np.int64)  # the last entry serves -1
    back[model.own_cols[known]] = known
    own_played = translated(played, model.own_cols, model.n_own)
    own_choices = [replace(choice, allowed=_own(choice.allowed, model, known)) for choice in choices]
    found = [np.empty((len(listeners), k), dtype=np.int64) for _ in choices]
    start = 0
    for rows, own in blocks_of(listeners, played_of(own_played)):
        for lists, cols in zip(found, lists_from(model.retriever, rows, own, k, own_choices), strict=True):
            lists[start : start + len(rows)] = cols
        start += len(rows)
    cold = np.flatnonzero(model.retriever.cold_users()[listeners])
    if len(cold):
        without = played_of(own_played[cold])
        for lists, choice in zip(found, own_choices, strict=True):
            lists[cold] = model.popular.candidates(listeners[cold], without, k, choice.allowed).cols
    return [back[lists] for lists in found]


def _own(allowed: BoolArray | None, model: EvaluatedModel, known: IntArray) -> BoolArray | None:
    """The candidate's tracks that may appear, in a model's own columns. known: columns that the model has too."""
    if allowed is None:
        return None
    own = np.zeros(model.n_own, dtype=bool)
    own[model.own_cols[known]] = allowed[known]
    return own


def played_of(plays: sparse.csr_matrix) -> Played:
    """What each listener has played, as a retriever takes it."""
    return Played(plays.indptr, plays.indices)


def overlap(one: Lists, other: Lists) -> Values:
    """Share of each user's list that stands in the other list too. (n_users,)."""
    common = (one[:, :, None] == other[:, None, :]) & (one >= 0)[:, :, None]
    return np.asarray(common.any(axis=2).mean(axis=1, dtype=np.float64))


def is_hit(found: Lists, hidden: sparse.csr_matrix) -> BoolArray:
    """Whether the track at each place is among the user's hidden plays. (n_users, k)."""
    return are_cells(found, hidden)


def translated(
    plays: sparse.csr_matrix, own_cols: npt.NDArray[np.int64], n_own: int, keep_plays: bool = False
) -> sparse.csr_matrix:
    """The same plays in a model's own columns, tracks that it does not know left out; as ones, or as play counts."""
    cols = own_cols[plays.indices]
    known = cols >= 0
    kept_before = np.concatenate([[0], np.cumsum(known)])
    values = plays.data[known] if keep_plays else np.ones(int(kept_before[-1]), np.uint8)
    own = sparse.csr_matrix((values, cols[known], kept_before[plays.indptr]), shape=(plays.shape[0], n_own))
    own.sort_indices()
    return own
