"""Means over users with their standard errors, paired differences, and slices with Holm's correction.

A value that is not a number means that the user was not asked, and enters nothing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr

from recsys_tasks.core.domain import BoolArray, Figures
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.metrics import Values

PerUser = Mapping[str, Values]

Z_95 = 1.96
"""Half the width of a two-sided interval of 95 %, in standard errors."""
NEW_LISTENER_DAYS = 7
TOLD_LISTENERS = 2_000
"""Listeners of a figure that is told alone, for no verdict hangs on it, at the most: evenly spread over all."""
LEAST_USERS = 100
"""A slice of fewer users is shown but not tested, and they confirm no choice: their normal interval is not believed."""


def mean_and_error(values: Values, weights: Values | None = None) -> tuple[float | None, float | None]:
    """Mean and its standard error; None where there are too few users to say (one for the mean, two for the error).

    Args:
        values: (n_users,).
        weights: (n_users,) how much each user counts; None: all alike. The error is that of a weighted mean with given
            weights, sqrt(sum w^2 (x - mean)^2) / sum w (Cochran 1977, ratio estimator).
    """
    known = ~np.isnan(values) if weights is None else ~np.isnan(values) & (weights > 0)
    n, x = int(known.sum()), values[known]
    w = np.ones(n) if weights is None else weights[known]
    if not n:
        return None, None
    mean = float(w @ x / w.sum())
    spread = float(np.sqrt(np.square(w) @ np.square(x - mean)) / w.sum())
    return mean, spread * float(np.sqrt(n / (n - 1))) if n > 1 else None


def interval_of(mean: float | None, error: float | None) -> tuple[float | None, float | None]:
    """The bounds of the interval of 95 % of a mean; None where it or its standard error is not known."""
    if mean is None or error is None:
        return None, None
    return mean - Z_95 * error, mean + Z_95 * error


def paired_interval(one: Values, other: Values) -> tuple[float, float | None, float | None]:
    """By how much one scores more than the other on the same users, and the bounds of its interval of 95 %."""
    pair = paired_difference(one, other)
    return (pair["difference"], *interval_of(pair["difference"], pair["standard_error"]))


def paired_difference(
    candidate: Values, incumbent: Values, training_noise: float = 0.0, weights: Values | None = None
) -> Figures:
    """Mean difference over the users that both were asked for, its standard error, and the incumbent's mean.

    The standard error has two parts: that of the users, and twice the variance that the start of a training brings
    into a mean, for two trained models are compared: SE^2 = s^2 / n + 2 (training_noise * incumbent's mean)^2. It is
    None for fewer than two users.

    Args:
        candidate: (n_users,) values; NaN: not asked.
        incumbent: (n_users,) the same of the other model.
        training_noise: spread of a mean from the start of a training, as a share of the incumbent's mean.
        weights: (n_users,) how much each user counts; None: all alike.
    """
    both = ~np.isnan(candidate) & ~np.isnan(incumbent)
    counted = None if weights is None else weights[both]
    d, error = mean_and_error((candidate - incumbent)[both], counted)
    mean = mean_and_error(incumbent[both], counted)[0] or 0.0
    noise = 2 * (training_noise * mean) ** 2
    return {
        "users": int(both.sum()),
        "difference": d or 0.0,
        "standard_error": None if error is None else float(np.sqrt(error**2 + noise)),
        "incumbent": mean,
    }


def slices(per_user: PerUser, policy: GateConfig) -> list[Figures]:
    """The paired difference in each slice of listeners and of tracks, with its 95 % interval, tested by Holm.

    One-sided: p is the chance of a loss this large in a slice that lost nothing. A slice is warned of where Holm's
    step-down (1979) rejects at ``slice_alpha``: p_(i) <= alpha / (m - i) for it and for all smaller ones.

    Args:
        per_user: columns of an evaluation with an incumbent.
        policy: alpha, and the training's noise.
    """
    rows = [_slice(name, *pair, policy.training_noise) for name, pair in _pairs(per_user).items()]
    tested = sorted((row for row in rows if row["p"] is not None), key=lambda row: float(row["p"]))
    for i, row in enumerate(tested):
        if row["p"] > policy.slice_alpha / (len(tested) - i):
            break
        row["warned"] = True
    return rows


def _pairs(per_user: PerUser) -> dict[str, tuple[Values, Values]]:
    """Candidate's and incumbent's values of each slice."""
    common = tuple(per_user[f"{who}_common_precision"] for who in ("candidate", "incumbent"))
    pairs = {name: _masked(common, chosen) for name, chosen in listener_slices(per_user).items()}
    for kind in ("new", "established", "head", "tail"):
        names = [f"{who}_common_{kind}_precision" for who in ("candidate", "incumbent")]
        if all(name in per_user for name in names):
            pairs[f"{kind} tracks"] = (per_user[names[0]], per_user[names[1]])
    return pairs


def listener_slices(per_user: PerUser) -> dict[str, BoolArray]:
    """Which users belong to which slice: thirds by the tracks in their history, and those first seen lately."""
    chosen: dict[str, BoolArray] = {}
    if "activity" in per_user:
        n = len(per_user["activity"])
        third = np.empty(n, dtype=np.int64)
        third[np.argsort(per_user["activity"], kind="stable")] = np.arange(n) * 3 // max(n, 1)
        chosen = {f"{name} listeners": third == place for place, name in enumerate(("light", "middling", "heavy"))}
    if "age_days" in per_user:
        chosen["new listeners"] = per_user["age_days"] <= NEW_LISTENER_DAYS
    return chosen


def _masked(pair: tuple[Values, ...], chosen: BoolArray) -> tuple[Values, Values]:
    candidate, incumbent = (np.where(chosen, values, np.nan) for values in pair)
    return candidate, incumbent


def _slice(name: str, candidate: Values, incumbent: Values, training_noise: float) -> dict[str, Any]:
    pair = paired_difference(candidate, incumbent, training_noise)
    d, error = pair["difference"], pair["standard_error"]
    tested = pair["users"] >= LEAST_USERS and error
    return {
        "slice": name,
        "users": pair["users"],
        "candidate": pair["incumbent"] + d,
        "incumbent": pair["incumbent"],
        "difference": d,
        "low": None if error is None else d - Z_95 * error,
        "high": None if error is None else d + Z_95 * error,
        "p": float(ndtr(d / error)) if tested else None,
        "warned": False,
    }
