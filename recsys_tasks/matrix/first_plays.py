"""Which of a date's plays are first ones: of tracks that their listener had never played before.

The total of all dates tells it: what is left of a cell without the later dates was played before them. So the dates of
a chain are gone through twice, and none before them is looked at.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray


class FirstPlays:
    """The first plays of some dates, which are asked for one after the other."""

    def __init__(self, total: sparse.csr_matrix, dates: Iterable[sparse.csr_matrix]) -> None:
        """Finds what was played before the dates.

        Args:
            total: (n_users, n_tracks) play counts up to and with the last of the dates, columns rising in each row.
            dates: (n_users, n_tracks) play counts of each date, without a hole.
        """
        self._total, left = total, total.data.copy()
        for plays in dates:
            left[self._places(plays)] -= plays.data
        self._played: BoolArray = left > 0

    def of(self, plays: sparse.csr_matrix) -> sparse.csr_matrix:
        """What is left of the next date's plays. plays: (n_users, n_tracks) play counts."""
        places = self._places(plays)
        first = np.flatnonzero(~self._played[places])
        self._played[places] = True
        ends = np.searchsorted(first, plays.indptr).astype(plays.indptr.dtype)
        return sparse.csr_matrix((plays.data[first], plays.indices[first], ends), shape=plays.shape)

    def _places(self, plays: sparse.csr_matrix) -> npt.NDArray[np.int64]:
        """Where the cells of a date stand among all cells. (n_cells,)."""
        users = np.flatnonzero(np.diff(plays.indptr))
        starts, lengths = (self._total.indptr[users].astype(np.int64), np.diff(self._total.indptr)[users])
        before = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
        own = np.arange(len(users)) * plays.shape[1]
        keys = np.repeat(own, lengths) + self._total.indices[places]
        wanted = np.repeat(own, np.diff(plays.indptr)[users]) + plays.indices
        return np.asarray(places[np.searchsorted(keys, wanted)])
