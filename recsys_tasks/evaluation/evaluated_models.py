"""Candidate, incumbent and popularity side by side: the same listeners, the same hidden plays, the same path.

Every list comes through the built index. All three leave out exactly the candidate's knowledge of plays before the
day. The candidate has seen the day of the *other* listeners, which the incumbent has not; so the paired comparison
draws both lists from the tracks that both know, and the headline figures from all tracks.

What joins the candidate's components was taught on the very day, by other listeners. So the paired comparison takes
them as the live release joins its own (``EvaluatedModel.alike``), and the candidate as it is beside.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import BoolArray, Figures, IntArray
from recsys_tasks.evaluation.compared import (
    Asked,
    LongLists,
    common_tracks,
    compared,
    influence,
    long_lists,
    popular_lists,
    slice_of,
)
from recsys_tasks.evaluation.lists import EvaluatedModel, Lists, is_hit, overlap, recommend_from
from recsys_tasks.evaluation.metrics import Values, all_metrics
from recsys_tasks.matrix.popularity import head_tracks
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.joined import Choice
from recsys_tasks.recommenders.popular import PopularTracks

THREADS = 2
"""That make lists at the same time: most of it is NumPy's work, which lets go of the interpreter."""
PARTS = 4
"""Of the listeners of each model, a task each: of two, a thread would be left alone with half of the last model."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of one candidate on one day."""

    per_user: dict[str, npt.NDArray[np.float64]]  # name -> (n_scored,); NaN where a user has no value
    figures: Figures
    scored: npt.NDArray[np.int64]  # (n_scored,) places among the hidden users
    lists: dict[str, Lists]  # candidate, popularity and, where there is one, incumbent: (n_scored, k) each


def evaluate_models(
    holdout: Holdout,
    candidate: EvaluatedModel,
    incumbent: EvaluatedModel | None,
    new_tracks: BoolArray,
    k: int,
    age_days: Values | None = None,
    reference: EvaluatedModel | None = None,
    long: LongLists | None = None,
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
        long: when candidate and incumbent are compared on longer lists too; None: never.
    """
    scored = np.flatnonzero(np.diff(holdout.hidden.indptr))
    hidden, played = holdout.hidden[scored], holdout.history[scored]
    baseline = PopularTracks(holdout.listeners, len(holdout.user_rows))
    asked = Asked(scored, played, hidden, k)
    others = {name: model for name, model in (("incumbent", incumbent), ("reference", reference)) if model is not None}
    common = {name: common_tracks(candidate, model) for name, model in others.items()}
    beside = {name: Choice(common[name], model.alike) for name, model in others.items()}
    if incumbent is not None and incumbent.alike is not None:
        beside["as_is"] = Choice(common["incumbent"])
    choices = {"candidate": [Choice(), *beside.values()]}
    choices |= {name: [*([] if name == "reference" else [Choice()]), Choice(common[name])] for name in others}
    found_of = _recommended({"candidate": candidate, **others}, choices, asked)
    lists = {"candidate": found_of["candidate"][0], "popularity": popular_lists(baseline, asked, k)}
    of_candidate = dict(zip(beside, found_of["candidate"][1:], strict=True))
    both = {name: {"candidate": of_candidate[name], name: found_of[name][-1]} for name in others}
    per_user: dict[str, Values] = {
        "activity": np.diff(played.indptr).astype(np.float64),
        "hidden": np.diff(hidden.indptr).astype(np.float64),
    }
    if age_days is not None:
        per_user["age_days"] = age_days[scored]
    if incumbent is not None:
        lists["incumbent"] = found_of["incumbent"][0]
        per_user["overlap"] = overlap(lists["candidate"], lists["incumbent"])
    for name, listed in lists.items():
        for metric, values in all_metrics(is_hit(listed, hidden), np.diff(hidden.indptr)).items():
            per_user[f"{name}_{metric}"] = values
    per_user |= slice_of(lists, hidden, new_tracks, "new") | influence(lists, hidden, k)
    if incumbent is not None:
        kinds = _kinds(new_tracks, holdout.listeners)
        per_user |= compared(both["incumbent"], common["incumbent"], hidden, kinds)
        if "as_is" in of_candidate:
            per_user |= slice_of({"as_is": of_candidate["as_is"]}, hidden, common["incumbent"], "common")
        if long is not None:
            per_user |= long_lists(candidate, incumbent, baseline, asked, per_user, long)
    if reference is not None:
        found = compared(both["reference"], common["reference"], hidden, {})
        per_user["candidate_reference_precision"] = found["candidate_common_precision"]
        per_user["reference_precision"] = found["reference_common_precision"]
    rows = {"user_row": holdout.user_rows[scored].astype(np.float64)}
    return Evaluation(per_user | rows, _figures(per_user, lists, holdout.listeners, new_tracks), scored, lists)


def _recommended(
    models: dict[str, EvaluatedModel], choices: dict[str, list[Choice]], asked: Asked
) -> dict[str, list[Lists]]:
    """Lists of each model for each of its choices, each part of the listeners by itself: no list needs
    anything of another."""

    def of_some(name: str, rows: IntArray) -> list[Lists]:
        return recommend_from(models[name], asked.scored[rows], asked.played[rows], asked.k, choices[name])

    parts = np.array_split(np.arange(len(asked.scored)), PARTS)
    with ThreadPoolExecutor(THREADS) as pool:
        found = {name: [pool.submit(of_some, name, rows) for rows in parts] for name in models}
        lists = {name: [part.result() for part in all_of] for name, all_of in found.items()}
    return {name: [np.concatenate(choice) for choice in zip(*each, strict=True)] for name, each in lists.items()}


def _kinds(new_tracks: BoolArray, listeners: npt.NDArray[np.int64]) -> dict[str, BoolArray]:
    """The slices of the catalogue: by age, and head and tail."""
    head = head_tracks(listeners)
    return {"new": new_tracks, "established": ~new_tracks, "head": head, "tail": ~head}


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
