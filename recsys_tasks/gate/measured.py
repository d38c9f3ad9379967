"""What the figures of single listeners come to: means with errors, paired differences, slices. Nothing is decided."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys_tasks.core.domain import Figures
from recsys_tasks.core.formatting import count, signed_percent, significant
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.estimates import Z_95, PerUser, mean_and_error, paired_difference, slices
from recsys_tasks.evaluation.metrics import Values
from recsys_tasks.gate.past import Loss

LEAST_ERROR = 1e-9
"""Share of the other model's mean: what an error of nothing is written as, so that it can be divided by."""
INFLUENTIAL = 0.01
"""Share of the listeners without whom the verdict is told a second time."""


def measured(per_user: PerUser, policy: GateConfig) -> Figures:
    """Means with standard errors over all listeners; paired differences with each listener's weight; slices."""
    users, weights = len(per_user["candidate_precision"]), per_user.get("weight")
    figures: Figures = {"users": users, "slices": [], "warnings": []}
    if not users:
        return figures
    for name, who in (("precision", "candidate"), ("popularity", "popularity")):
        figures[name], figures[f"{name}_error"] = mean_and_error(per_user[f"{who}_precision"])
    figures["lead"] = paired_difference(
        per_user["candidate_precision"], per_user["popularity_precision"], weights=weights
    )
    if "incumbent_precision" in per_user:
        mean, error = mean_and_error(per_user["incumbent_precision"])
        figures["honest"] = {"precision": mean, "error": error, "users": users}
    for name, (candidate, other) in PAIRS.items():
        if candidate in per_user and other in per_user:
            pair = (per_user[candidate], per_user[other])
            figures[name] = paired_difference(*pair, policy.training_noise, weights)
    if "pair" in figures:
        d, half = figures["pair"]["difference"], Z_95 * (figures["pair"]["standard_error"] or 0.0)
        figures |= {"low": d - half, "high": d + half}
        figures["slices"] = slices(per_user, policy)
        figures["warnings"] = [_warning(row) for row in figures["slices"] if row["warned"]]
    if weights is not None:
        figures["influence"] = influence(per_user)
        figures["warnings"] += _suspects(figures["influence"], users)
    return figures


PAIRS = {
    "pair": ("candidate_common_precision", "incumbent_common_precision"),
    "as_is": ("as_is_common_precision", "incumbent_common_precision"),
    "evidence": ("candidate_evidence", "incumbent_evidence"),
    "reference": ("candidate_reference_precision", "reference_precision"),
    "earlier": ("candidate_earlier_evidence", "earlier_evidence"),
    "lead_evidence": ("candidate_evidence", "popularity_evidence"),
}
"""Figure -> columns of the candidate and of the model beside it. There joined components are joined as the release
beside joins its own; in ``as_is``, and in ``reference``, by what the day itself taught."""
LONG = " in long lists"
"""Behind the name of a level that is not precision@k."""


def levels_in(figures: Mapping[str, Any]) -> dict[str, float]:
    """What candidate, live release and popular tracks scored: precision@k and, where there are any, by long lists.

    ``taste`` is how many times the popular tracks' precision the live release has: 1 where nobody's taste shows.
    """
    honest = figures.get("honest") or {}
    found = {
        "candidate": figures.get("precision"),
        "live": honest.get("precision"),
        "popular": figures.get("popularity"),
    }
    for who, name in (("live", "evidence"), ("popular", "lead_evidence")):
        if pair := figures.get(name):
            found[f"{who}{LONG}"] = pair["incumbent"]
            found[f"candidate{LONG}"] = pair["incumbent"] + pair["difference"]
    for kind in ("", LONG):
        live, popular = found.get(f"live{kind}"), found.get(f"popular{kind}")
        found[f"taste{kind}"] = live / popular if live and popular else None
    return {name: value for name, value in found.items() if value is not None}


def loss_in(pair: Mapping[str, Any] | None) -> Loss | None:
    """A paired difference as a share of the other model's mean; None where no share can be said.

    Equal lists have no error at all; what is divided by it gets the least there is.
    """
    if not pair or pair["standard_error"] is None or pair["incumbent"] <= 0:
        return None
    error = max(LEAST_ERROR, pair["standard_error"] / pair["incumbent"])
    return Loss(pair["difference"] / pair["incumbent"], error)


def influence(per_user: PerUser) -> Figures:
    """How many listeners count less than one, and why."""
    twins, weights = per_user["twins"], per_user["weight"]
    return {
        "twins": int((twins > 0).sum()),
        "largest_group": int(twins.max(initial=0)) + 1 if (twins > 0).any() else 0,
        "left_out": int((weights == 0).sum()),
        "counted_as": round(float(weights.sum()), 1),
    }


def without_influential(per_user: PerUser) -> dict[str, Values]:
    """The columns without the listeners whose differences move the comparison most, one in a hundred."""
    pair = PAIRS["evidence" if "incumbent_evidence" in per_user else "pair"]
    if pair[1] not in per_user:
        pair = ("candidate_precision", "popularity_precision")
    moved = np.abs(np.nan_to_num(per_user[pair[0]] - per_user[pair[1]])) * per_user.get("weight", 1.0)
    kept = np.ones(len(moved), dtype=bool)
    kept[np.argsort(-moved, kind="stable")[: int(np.ceil(INFLUENTIAL * len(moved)))]] = False
    return {name: values[kept] for name, values in per_user.items()}


def _suspects(found: Figures, users: int) -> list[str]:
    """What is told of accounts that count less, where they are more than chance brings."""
    scored, told = f"of {count(users)} scored listeners", []
    if found["twins"] > max(2, 0.01 * users):
        told.append(
            f"{count(found['twins'])} {scored} played the same tracks as others (largest group "
            f"{count(found['largest_group'])}): each group counts as one listener (gate --suspects names them)"
        )
    if found["left_out"] > max(2, 0.01 * users):
        told.append(
            f"{count(found['left_out'])} {scored} hit far more often than this service explains, and are left out "
            "(gate --suspects names them)"
        )
    return told


def _warning(row: Figures) -> str:
    share = signed_percent(row["difference"] / row["incumbent"] if row["incumbent"] else 0.0, 1, minus="-")
    listeners = f"{count(row['users'])} listeners, p = {significant(row['p'], 2)}, Holm"
    return f"{row['slice']}: {share} against the live release ({listeners})"
