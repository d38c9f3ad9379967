"""What joining its components is worth to the live release on a day that taught it nothing.

A candidate's weights and trees are taught by some listeners of the day that others of the same day judge it by. What is
played on a date is part of what trees learn, and need not hold on the next (docs/recommenders-measured.md, *Taught by
the date that judges*). The live release is asked a day later, as its readers ask it.
"""

from dataclasses import dataclass, replace

import numpy as np

from recsys_tasks.evaluation.estimates import TOLD_LISTENERS, paired_interval
from recsys_tasks.evaluation.lists import EvaluatedModel, Lists, is_hit, recommend
from recsys_tasks.evaluation.metrics import precision
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.joined import Joined
from recsys_tasks.recommenders.vectors import evenly_spread


@dataclass(frozen=True)
class JoinedLater:
    """precision@k of the live release's lists, and of its first component's alone, of the same listeners."""

    listeners: int
    joined: float
    first: float
    difference: float  # joined less first
    low: float | None  # of its interval of 95 %; None for fewer than two listeners
    high: float | None

    @property
    def surely_loses(self) -> bool:
        """Whether the first component alone would surely have been better."""
        return self.high is not None and self.high < 0


def joined_later(live: EvaluatedModel, lists: Lists, holdout: Holdout, k: int) -> JoinedLater | None:
    """What joining is worth to a release; None where it joins nothing, or nobody can be asked.

    Args:
        live: the release; its data end before the day.
        lists: (n_scored, k) its lists of each listener with a hidden play.
        holdout: the day as the listeners are asked about it.
        k: length of a list.
    """
    scored = np.flatnonzero(np.diff(holdout.hidden.indptr))
    if not isinstance(live.retriever, Joined) or not len(scored):
        return None
    told = evenly_spread(np.arange(len(scored)), TOLD_LISTENERS)
    rows, alone = scored[told], replace(live, retriever=live.retriever.components[0])
    first = recommend(alone, rows, holdout.history[rows], k)
    by_all, by_first = (precision(is_hit(found, holdout.hidden[rows])) for found in (lists[told], first))
    gain = paired_interval(by_all, by_first)
    return JoinedLater(len(rows), float(by_all.mean()), float(by_first.mean()), *gain)
