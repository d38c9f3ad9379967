"""Candidate, incumbent and popularity side by side: the same users, the same hidden plays, the same path.

Every list comes through the built index. All three leave out exactly the candidate's knowledge of plays before the
day. The candidate has seen the day of the *other* users, which the incumbent has not; so the paired comparison draws
both lists from the tracks that both know, and the headline figures from all tracks.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, Figures, FloatArray
from recsys_tasks.evaluation.metrics import Values, all_metrics, precision
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.matrix.holdout import Holdout
from recsys_tasks.matrix.popularity import first_unplayed, head_tracks, popular_order
from recsys_tasks.recommenders.vectors import Played

Lists = npt.NDArray[np.int64]  # (n_users, k) track columns of the candidate's matrix, -1 for a missing place


@dataclass(frozen=True)
class Side:
    """One model as its readers would ask it: candidate or incumbent."""

    search: TwoTierSearch
    vectors: FloatArray  # (n_hidden, n_factors), zero for a user that it does not know
    popular: npt.NDArray[np.int64]  # its own track columns by falling number of listeners
    own_cols: npt.NDArray[np.int64]  # (n_tracks,) its own column of each candidate track, -1 where it has none
    n_own: int  # number of its own track columns


@dataclass(frozen=True)
class Evaluation:
    """Figures of one candidate on one day."""

    per_user: dict[str, npt.NDArray[np.float64]]  # name -> (n_scored,); NaN where a user has no value
    figures: Figures
    scored: npt.NDArray[np.int64]  # (n_scored,) places among the hidden users
    lists: dict[str, Lists]  # candidate, popularity and, where there is one, incumbent: (n_scored, k) each


def recommend(side: Side, played: sparse.csr_matrix, k: int, allowed: BoolArray | None = None) -> Lists:
    """Lists of a side in the candidate's track columns; a user without a vector gets the popular tracks.

    Args:
        side: whose lists.
        played: (n_hidden, n_tracks) in the candidate's columns, left out of every list.
        k: length of a list.
        allowed: (n_tracks,) candidate's columns that may appear; None for all.
    """
    known = np.flatnonzero(side.own_cols >= 0)
    back = np.full(side.n_own + 1, -1, dtype=np.int64)  # the last entry serves -1
    back[side.own_cols[known]] = known
    own_played = translated(played, side.own_cols, side.n_own)
    own_allowed = None
    if allowed is not None:
        own_allowed = np.zeros(side.n_own, dtype=bool)
        own_allowed[side.own_cols[known]] = allowed[known]
    result = side.search.find(side.vectors, Played(own_played.indptr, own_played.indices), k, own_allowed)
    found = result.cols.astype(np.int64)
    without = np.flatnonzero(~side.vectors.any(axis=1))
    if len(without):
        found[without] = first_unplayed(side.popular, own_played[without], k, own_allowed)
    return back[found]


def evaluate(
    holdout: Holdout,
    candidate: Side,
    incumbent: Side | None,
    new_tracks: BoolArray,
    k: int,
    age_days: Values | None = None,
    reference: Side | None = None,
) -> Evaluation:
    """Score the users that have at least one hidden play.

    Args:
        holdout: the day, split.
        candidate: the new model.
        incumbent: the live one, or None where there is none that can be compared.
        new_tracks: (n_tracks,) tracks that appeared lately, a slice of their own.
        k: length of a list.
        age_days: (n_hidden,) days since each hidden user was first seen; None where nobody asks.
        reference: a release that was chosen to measure slow drift against, or None.
    """
    scored = np.flatnonzero(np.diff(holdout.hidden.indptr))
    hidden, played = holdout.hidden[scored], holdout.history[scored]
    listeners = holdout.listeners
    lists = {
        "candidate": recommend(_of_users(candidate, scored), played, k),
        "popularity": first_unplayed(popular_order(listeners), played, k),
    }
    per_user: dict[str, Values] = {
        "activity": np.diff(played.indptr).astype(np.float64),
        "hidden": np.diff(hidden.indptr).astype(np.float64),
    }
    if age_days is not None:
        per_user["age_days"] = age_days[scored]
    if incumbent is not None:
        lists["incumbent"] = recommend(_of_users(incumbent, scored), played, k)
        per_user["overlap"] = overlap(lists["candidate"], lists["incumbent"])
    for name, found in lists.items():
        for metric, values in all_metrics(is_hit(found, hidden), np.diff(hidden.indptr)).items():
            per_user[f"{name}_{metric}"] = values
    per_user |= _slice_of(lists, hidden, new_tracks, "new")
    if incumbent is not None:
        common = incumbent.own_cols >= 0
        pair = _pair({"candidate": candidate, "incumbent": incumbent}, scored, played, k, common)
        per_user |= _slice_of(pair, hidden, common, "common")
        for kind, tracks in _kinds(new_tracks, listeners).items():
            per_user |= _slice_of(pair, hidden, common & tracks, f"common_{kind}")
    if reference is not None:
        both = reference.own_cols >= 0
        pair = _pair({"candidate": candidate, "reference": reference}, scored, played, k, both)
        found_of = _slice_of(pair, hidden, both, "of")
        per_user["candidate_reference_precision"] = found_of["candidate_of_precision"]
        per_user["reference_precision"] = found_of["reference_of_precision"]
    return Evaluation(per_user, _figures(per_user, lists, listeners, new_tracks), scored, lists)


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


def _pair(
    sides: dict[str, Side], scored: npt.NDArray[np.int64], played: sparse.csr_matrix, k: int, allowed: BoolArray
) -> dict[str, Lists]:
    """Lists of two sides, drawn from the same tracks."""
    return {who: recommend(_of_users(side, scored), played, k, allowed) for who, side in sides.items()}


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


def _by_activity(per_user: dict[str, Values], sides: list[str]) -> Figures:
    """precision@k of the thirds of the users with the fewest, middling and most tracks in their history."""
    order = np.argsort(per_user["activity"], kind="stable")
    thirds = zip(("light", "middling", "heavy"), np.array_split(order, 3), strict=True)
    return {
        name: {"users": len(users), **{who: float(per_user[f"{who}_precision"][users].mean()) for who in sides}}
        for name, users in thirds
        if len(users)
    }


def _of_users(side: Side, users: npt.NDArray[np.int64]) -> Side:
    return replace(side, vectors=side.vectors[users])


def translated(
    plays: sparse.csr_matrix, own_cols: npt.NDArray[np.int64], n_own: int, keep_plays: bool = False
) -> sparse.csr_matrix:
    """The same plays in a side's own columns, tracks that it does not know left out; as ones, or as play counts."""
    cols = own_cols[plays.indices]
    known = cols >= 0
    kept_before = np.concatenate([[0], np.cumsum(known)])
    values = plays.data[known] if keep_plays else np.ones(int(kept_before[-1]), np.uint8)
    own = sparse.csr_matrix((values, cols[known], kept_before[plays.indptr]), shape=(plays.shape[0], n_own))
    own.sort_indices()
    return own
