"""Tracks without plays beside trees: each stands where a known track of the same chance to be discovered stands.

Trees cannot learn where such tracks belong, for on the day that teaches each track that was discovered had plays by
then: they put them last. So of tracks that nobody has played the chance is asked, and lists are in the order of chances
(Robertson, "The probability ranking principle in IR", Journal of Documentation 1977). With t the trees' total of a
known candidate, s_c what component c says of a track without plays, and d the days since its release,

    log-odds of a known one       =  a + b * t
    log-odds of one without plays =  i + sum over c of w_c * log(1 + max(s_c, 0)) + v * log(1 + d)

so that a track without plays has the total with which both are equal. ``evaluation.cold_teaching`` fits the numbers.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.base import Arrays
from recsys_tasks.recommenders.blend import weighted_sum
from recsys_tasks.recommenders.pools import Pool

COLD_TOTALS_FORMAT = 1
"""Version of the way from hidden plays to these totals; part of the identity of what joins the components."""
COLD_TOTALS = ("ranker_cold_bases", "ranker_cold_weights")
"""Names of their files."""


@dataclass(frozen=True)
class ColdTotals:
    """What gives tracks without plays their totals.

    Raises:
        BadData: a base or a weight is no number.
    """

    bases: FloatArray  # (n_items,) float32, what is the same for everybody; inf for a track that trees put in order
    weights: npt.NDArray[np.float64]  # (n_components,) of what each component says

    def __post_init__(self) -> None:
        if np.isnan(self.bases).any() or not np.isfinite(self.weights).all():
            raise BadData("The totals of tracks without plays are no numbers. Run the day again.")

    def put_into(self, totals: npt.NDArray[np.float64], pool: Pool) -> npt.NDArray[np.float64]:
        """The trees' totals, with those of tracks without plays in their places. (n_users, n_places).

        Raises:
            BadData: the pool is of more or fewer components.
        """
        if len(pool.raw) != len(self.weights):
            raise BadData(f"Totals of {len(self.weights)} components do not fit {len(pool.raw)}. Run the day again.")
        bases = np.where(pool.cols >= 0, self.bases[pool.cols], np.inf)
        cold = np.isfinite(bases)
        found = totals.copy()
        found[cold] = bases[cold] + weighted_sum(said(pool.raw[:, cold]), self.weights.tolist())
        return found

    def of_columns(self, cols: IntArray) -> "ColdTotals":
        """The same in other columns. cols: (n_others,) own column of each, -1 for a track of which nothing is known."""
        return replace(self, bases=np.where(cols >= 0, self.bases[cols], np.float32(np.inf)))

    def files(self) -> Arrays:
        """As a part of a candidate."""
        return dict(zip(COLD_TOTALS, (self.bases, self.weights), strict=True))

    @classmethod
    def of(cls, files: Arrays) -> "ColdTotals":
        """From the files of a candidate.

        Raises:
            BadData: a base or a weight is no number.
        """
        return cls(*(files[name] for name in COLD_TOTALS))


def said(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores of components as the log-odds go by them: sums over many tracks count by their logarithm. Any shape."""
    return np.asarray(np.log1p(np.maximum(scores, 0)))
