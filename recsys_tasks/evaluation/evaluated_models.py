"""Candidate, incumbent and popularity side by side: the same listeners, the same hidden plays, the same path.

Every list comes through the built index. All three leave out exactly the candidate's knowledge of plays before the
day. The candidate has seen the day of the *other* listeners, which the incumbent has not; so the paired comparison
draws both lists from the tracks that both know, and the headline figures from all tracks.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, Figures, IntArray
from recsys_tasks.evaluation.metrics import Values, all_metrics, precision
from recsys_tasks.matrix.popularity import head_tracks
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Retriever
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


@dataclass(frozen=True)
class Evaluation:
    """Figures of one candidate on one day."""

    per_user: dict[str, npt.NDArray[np.float64]]  # name -> (n_scored,); NaN where a user has no value
    figures: Figures
    scored: npt.NDArray[np.int64]  # (n_scored,) places among the hidden users
    lists: dict[str, Lists]  # candidate, popularity and, where there is one, incumbent: (n_scored, k) each


def recommend(
    model: EvaluatedModel, listeners: IntArray, played: sparse.csr_matrix, k: int, allowed: BoolArray | None = None
) -> Lists:
    """Lists of a model in the candidate's track columns; a listener who is cold to it gets the popular tracks.

    Args:
        model: whose lists.
        listeners: (n_users,) places among the hidden listeners.
        played: (n_users, n_tracks) in the candidate's columns, left out of every list.
        k: length of a list.
        allowed: (n_tracks,) candidate's columns that may appear; None for all.
    """
    known = np.flatnonzero(model.own_cols >= 0)
    back = np.full(model.n_own + 1, -1, dtype=np.int64)  # the last entry serves -1
    back[model.own_cols[known]] = known
    own_played = translated(played, model.own_cols, model.n_own)
    own_allowed = None
    if allowed is not None:
        own_allowed = np.zeros(model.n_own, dtype=bool)
        own_allowed[model.own_cols[known]] = allowed[known]
    found = model.retriever.candidates(listeners, _played(own_played), k, own_allowed).cols.astype(np.int64)
    cold = np.flatnonzero(model.retriever.cold_users()[listeners])
    if len(cold):
        found[cold] = model.popular.candidates(listeners[cold], _played(own_played[cold]), k, own_allowed).cols
    return back[found]


def _played(plays: sparse.csr_matrix) -> Played:
    return Played(plays.indptr, plays.indices)


def evaluate_models(
    holdout: Holdout,
    candidate: EvaluatedModel,
    incumbent: EvaluatedModel | None,
    new_tracks: BoolArray,
    k: int,
    age_days: Values | None = None,
    reference: EvaluatedModel | None = None,
) -> Evaluation:
    """Score the listeners that have at least one hidden play.

    Args:
        holdout: the day, split.
        candidate: the new model.
        incumbent: the live one, or None where there is none that can be compared.
        new_tracks: (n_tracks,) tracks that appeared lately, a slice of their own.
        k: length of a list.
        age_days: (n_hidden,) days since each hidden listener was first seen; None where nobody asks.
        reference: a release that was chosen to measure slow drift against, or None.
    """
    scored = np.flatnonzero(np.diff(holdout.hidden.indptr))
    hidden, played = holdout.hidden[scored], holdout.history[scored]
    baseline = PopularTracks(holdout.listeners, len(holdout.user_rows))
    lists = {
        "candidate": recommend(candidate, scored, played, k),
        "popularity": baseline.candidates(scored, _played(played), k).cols.astype(np.int64),
    }
    per_user: dict[str, Values] = {
        "activity": np.diff(played.indptr).astype(np.float64),
        "hidden": np.diff(hidden.indptr).astype(np.float64),
    }
    if age_days is not None:
        per_user["age_days"] = age_days[scored]
    if incumbent is not None:
        lists["incumbent"] = recommend(incumbent, scored, played, k)
        per_user["overlap"] = overlap(lists["candidate"], lists["incumbent"])
    for name, found in lists.items():
        for metric, values in all_metrics(is_hit(found, hidden), np.diff(hidden.indptr)).items():
            per_user[f"{name}_{metric}"] = values
    per_user |= _slice_of(lists, hidden, new_tracks, "new")
    if incumbent is not None:
        kinds = _kinds(new_tracks, holdout.listeners)
        per_user |= _compared({"candidate": candidate, "incumbent": incumbent}, scored, played, hidden, k, kinds)
    if reference is not None:
        found_of = _compared({"candidate": candidate, "reference": reference}, scored, played, hidden, k, {})
        per_user["candidate_reference_precision"] = found_of["candidate_common_precision"]
        per_user["reference_precision"] = found_of["reference_common_precision"]
    return Evaluation(per_user, _figures(per_user, lists, holdout.listeners, new_tracks), scored, lists)


def overlap(one: Lists, other: Lists) -> Values:
    """Share of each user's list that stands in the other list too. (n_users,)."""
    common = (one[:, :, None] == other[:, None, :]) & (one >= 0)[:, :, None]
    return np.asarray(common.any(axis=2).mean(axis=1, dtype=np.float64))


def is_hit(found: Lists, hidden: sparse.csr_matrix) -> BoolArray:
    """Whether the track at each place is among the user's hidden plays. (n_users, k)."""
    n_tracks = hidden.shape[1]
    cells = np.repeat(np.arange(hidden.shape[0]), np.diff(hidden.indptr)) * n_tracks + hidden.indices
    cells.sort(kind="stable")  # quick where they are in order, as those of a canonical matrix are
    asked = np.arange(len(found))[:, None] * n_tracks + found
    nearest = np.append(cells, -1)[np.searchsorted(cells, asked)]  # the first cell that is not before
    return np.asarray((nearest == asked) & (found >= 0))


def _compared(
    models: dict[str, EvaluatedModel],
    scored: IntArray,
    played: sparse.csr_matrix,
    hidden: sparse.csr_matrix,
    k: int,
    kinds: dict[str, BoolArray],
) -> dict[str, Values]:
    """precision@k of the candidate and another model, drawn from the tracks that both know; also by kind of track."""
    common = list(models.values())[-1].own_cols >= 0
    lists = {who: recommend(model, scored, played, k, common) for who, model in models.items()}
    found = _slice_of(lists, hidden, common, "common")
    for kind, tracks in kinds.items():
        found |= _slice_of(lists, hidden, common & tracks, f"common_{kind}")
    return found


def _kinds(new_tracks: BoolArray, listeners: npt.NDArray[np.int64]) -> dict[str, BoolArray]:
    """The slices of the catalogue: by age, and head and tail."""
    head = head_tracks(listeners)
    return {"new": new_tracks, "established": ~new_tracks, "head": head, "tail": ~head}


def _slice_of(lists: dict[str, Lists], hidden: sparse.csr_matrix, tracks: BoolArray, name: str) -> dict[str, Values]:
    """precision@k of the users with a hidden play among these tracks, counting those plays alone; NaN elsewhere."""
    of_slice = hidden.multiply(tracks[None, :]).tocsr()
    of_slice.eliminate_zeros()
    asked = np.diff(of_slice.indptr) > 0
    return {
        f"{who}_{name}_precision": np.where(asked, precision(is_hit(found, of_slice)), np.nan)
        for who, found in lists.items()
    }


def _figures(
    per_user: dict[str, Values], lists: dict[str, Lists], listeners: npt.NDArray[np.int64], new_tracks: BoolArray
) -> Figures:
    """Means over users with their numbers, and what cannot be said of a single user."""
    figures: Figures = {"users": len(per_user["hidden"]), "hidden_plays": int(per_user["hidden"].sum())}
    percentile = np.argsort(np.argsort(listeners, kind="stable"), kind="stable") / max(1, len(listeners) - 1)
    for name, values in per_user.items():
        known = values[~np.isnan(values)]
        figures[name] = {"mean": float(known.mean()) if len(known) else None, "users": len(known)}
    figures["activity"] = _by_activity(per_user, list(lists))
    for who, found in lists.items():
        places = found[found >= 0]
        figures[f"{who}_coverage"] = len(np.unique(places)) / max(1, int((listeners > 0).sum()))
        figures[f"{who}_new_share"] = float(new_tracks[places].mean()) if len(places) else 0.0
        figures[f"{who}_popularity_percentile"] = float(percentile[places].mean()) if len(places) else 0.0
    return figures


def _by_activity(per_user: dict[str, Values], models: list[str]) -> Figures:
    """precision@k of the thirds of the users with the fewest, middling and most tracks in their history."""
    order = np.argsort(per_user["activity"], kind="stable")
    thirds = zip(("light", "middling", "heavy"), np.array_split(order, 3), strict=True)
    return {
        name: {"users": len(users), **{who: float(per_user[f"{who}_precision"][users].mean()) for who in models}}
        for name, users in thirds
        if len(users)
    }


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
