"""Two models on the same listeners: lists of length k, and long ones where these tell the two apart too coarsely.

The candidate has seen the day of the *other* listeners, which the model beside it has not; so both lists are drawn from
the tracks that both know, and the candidate's components are joined as that one joins its own, where they can be.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, IntArray
from recsys_tasks.evaluation.estimates import paired_difference
from recsys_tasks.evaluation.influence import too_lucky, twins_of, weights_of
from recsys_tasks.evaluation.lists import EvaluatedModel, Lists, is_hit, played_of, recommend, recommend_from
from recsys_tasks.evaluation.metrics import Values, discounted_hits, precision
from recsys_tasks.recommenders.joined import Choice
from recsys_tasks.recommenders.popular import PopularTracks


@dataclass(frozen=True)
class LongLists:
    """When models are also compared on lists longer than k, and how long these are."""

    places: int  # 0: never
    enough: float  # standard error, as a share of the live release's mean, up to which lists of length k are enough
    most_listeners: int  # that are scored, up to which lists are made: they cost as many listeners as there are
    earlier: Callable[[], EvaluatedModel | None]  # opens a release of a week before, if it is needed


@dataclass(frozen=True)
class Asked:
    """The listeners that are asked about, and what is asked."""

    scored: IntArray  # (n_scored,) places among the hidden listeners
    played: sparse.csr_matrix  # (n_scored, n_tracks) left out of every list
    hidden: sparse.csr_matrix  # (n_scored, n_tracks)
    k: int


def compared(
    lists: dict[str, Lists], common: BoolArray, hidden: sparse.csr_matrix, kinds: dict[str, BoolArray]
) -> dict[str, Values]:
    """precision@k of the candidate and another model, drawn from the tracks that both know; also by kind of track.

    Args:
        lists: of each, by its name.
        common: (n_tracks,) what they are drawn from.
        hidden: (n_scored, n_tracks) hidden plays.
        kinds: (n_tracks,) each, by name.

    Returns:
        ``<name>_common_precision`` of each, and for each kind ``<name>_common_<kind>_precision``.
    """
    found = slice_of(lists, hidden, common, "common")
    for kind, tracks in kinds.items():
        found |= slice_of(lists, hidden, common & tracks, f"common_{kind}")
    return found


def long_lists(
    candidate: EvaluatedModel,
    incumbent: EvaluatedModel,
    popular: PopularTracks,
    asked: Asked,
    short: dict[str, Values],
    wanted: LongLists,
) -> dict[str, Values]:
    """Discounted hits of long lists, where lists of length k tell candidate and live release apart too coarsely.

    Args:
        candidate: the new model.
        incumbent: the live one.
        popular: the popular tracks.
        asked: listeners and hidden plays.
        short: what ``compared`` found of candidate and incumbent.
        wanted: when, how long, and how the earlier release is opened.

    Returns:
        ``candidate_evidence``, ``incumbent_evidence``, ``popularity_evidence`` and, where there is an earlier release,
        ``candidate_earlier_evidence`` and ``earlier_evidence``. Nothing where the short lists are enough,
        or the listeners too many.
    """
    if not wanted.places or len(asked.scored) > wanted.most_listeners:
        return {}
    one, two = (short[f"{who}_common_precision"] for who in ("candidate", "incumbent"))
    pair = paired_difference(one, two)
    fine = pair["standard_error"] is not None and pair["standard_error"] <= wanted.enough * pair["incumbent"]
    if fine:
        return {}
    models, earlier = {"incumbent": incumbent}, wanted.earlier()
    if earlier is not None:
        models["earlier"] = earlier
    common = {name: common_tracks(candidate, model) for name, model in models.items()}
    choices = [Choice(common[name], model.alike) for name, model in models.items()]
    own = recommend_from(candidate, asked.scored, asked.played, wanted.places, choices)
    beside = [
        recommend(model, asked.scored, asked.played, wanted.places, common[name]) for name, model in models.items()
    ]
    by_popularity = popular_lists(popular, asked, wanted.places, common["incumbent"])
    lists = {"candidate": own[0], "incumbent": beside[0], "popularity": by_popularity}
    found = _evidence(lists, asked, common["incumbent"])
    if earlier is not None:
        found |= _evidence({"candidate_earlier": own[1], "earlier": beside[1]}, asked, common["earlier"])
    return found


def common_tracks(candidate: EvaluatedModel, other: EvaluatedModel) -> BoolArray:
    """The candidate's tracks that both know, and neither from more than the other. (n_tracks,).

    A track that nobody had played when the other was made may be known to that by its content. If plays of it have come
    to the candidate since, the two are not to be compared on it; if none have, they are.
    """
    heard = np.append(other.popular.item_scores, 0)[other.own_cols] > 0
    return np.asarray((other.own_cols >= 0) & (heard | (candidate.popular.item_scores == 0)))


def popular_lists(popular: PopularTracks, asked: Asked, places: int, allowed: BoolArray | None = None) -> Lists:
    """Lists of the popular tracks. (n_scored, places)."""
    return popular.candidates(asked.scored, played_of(asked.played), places, allowed).cols.astype(np.int64)


def _evidence(lists: dict[str, Lists], asked: Asked, common: BoolArray) -> dict[str, Values]:
    """Discounted hits of the listeners with a hidden play among the common tracks, NaN of the others."""
    known = np.asarray((asked.hidden @ common.astype(np.int64)) > 0)
    return {
        f"{who}_evidence": np.where(known, discounted_hits(is_hit(found, asked.hidden), asked.k), np.nan)
        for who, found in lists.items()
    }


def influence(lists: dict[str, Lists], hidden: sparse.csr_matrix, k: int) -> dict[str, Values]:
    """How much each listener counts, and why: see the module of that name."""
    hit = {who: is_hit(found, hidden) for who, found in lists.items()}
    rows = [np.nonzero(hits)[0] for hits in hit.values()]
    cols = [found[hit[who]] for who, found in lists.items()]
    cells = np.concatenate(rows), np.concatenate(cols)  # a track that several lists hit is one of the matrix
    joint = sparse.csr_matrix((np.ones(len(cells[0]), dtype=np.int32), cells), shape=hidden.shape)
    twins = twins_of(joint, hidden, k)
    most = np.max([hits.sum(axis=1) for hits in hit.values()], axis=0)
    weight = weights_of(twins, too_lucky(most, np.diff(hidden.indptr)))
    return {"twins": twins.astype(np.float64), "weight": weight}


def slice_of(lists: dict[str, Lists], hidden: sparse.csr_matrix, tracks: BoolArray, name: str) -> dict[str, Values]:
    """precision@k of the users with a hidden play among these tracks, counting those plays alone; NaN elsewhere."""
    of_slice = hidden.multiply(tracks[None, :]).tocsr()
    of_slice.eliminate_zeros()
    asked = np.diff(of_slice.indptr) > 0
    return {
        f"{who}_{name}_precision": np.where(asked, precision(is_hit(found, of_slice)), np.nan)
        for who, found in lists.items()
    }
