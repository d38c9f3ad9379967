"""Which tracks are near to which: those that the same listeners play.

With r_i the column of track i, one place for each listener, the similarity of two tracks is

    cosine:  r_i . r_j / sqrt((|r_i|^2 + shrinkage) * (|r_j|^2 + shrinkage)),   r_ui = 1 where u played i
    bm25:    b_i . b_j, with b the weights of Robertson et al. (TREC-3, 1994), tracks as documents, of log(1 + plays)

and of each track the ``nearest`` most similar ones are kept. The shrinkage is that of the norms and not of their
product, which has no factors: tracks with few listeners are similar to little, and the sum over all pairs remains a
product of two matrices. ``ease`` is no product: it has a module of its own.

``implicit`` goes through that product one track after the other with one row of memory, and keeps the nearest of each:
memory is that of the plays and of the neighbours, and the bytes do not depend on the threads. Between two renewals only
young tracks are compared with all, by ``alike``.
"""

from functools import partial
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight
from scipy import sparse

from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.domain import Day, FloatArray, Vocabulary, day_number
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.alike import Alike, AlikeByCosine, AlikeByWeights
from recsys_tasks.recommenders.base import Fit, Parent, Progress, TrainingData, unheard
from recsys_tasks.recommenders.downsampling import downsampled
from recsys_tasks.recommenders.ease import ease
from recsys_tasks.recommenders.neighbours import ByPlayedTracks, Neighbours, SimilarTracks
from recsys_tasks.recommenders.renewed_neighbours import RenewedNeighbours, with_young
from recsys_tasks.recommenders.vectors import Played

NEIGHBOURS_FORMAT = 1
"""Version of the way from plays to neighbours; part of a model's identity."""
YOUNG_DAYS = 3
"""A track that was first played within so many days before a renewal, or since, is young: what its listeners of the
first days say of it does not hold until the next one. docs/recommenders-measured.md has what other margins lose and
cost."""
BM25_K1 = 1.2
"""Of BM25, as it is commonly set: how soon more plays of a track by the same listener count no more."""


class NearestTracks(ByPlayedTracks):
    """Co-listening under one choice of parameters; a ``Recommender`` of ``Neighbours``."""

    name = "neighbours"

    def __init__(self, config: NeighboursConfig, threads: int = 1, renewed: Day | None = None) -> None:
        """Nothing is trained yet.

        Args:
            config: parameters.
            threads: that share the work; the bytes do not depend on it.
            renewed: date before which the plays decide the neighbours of old tracks; None: they are those of the day,
                as those of EASE are in any case.
        """
        self._config, self.threads = config, threads
        self.renewed = None if self._is_ease else renewed

    def n_old(self, tracks: Vocabulary) -> int:
        """How many tracks, which come first, are old: first played more than ``YOUNG_DAYS`` days before the renewal."""
        renewed = day_number(self.renewed) if self.renewed else 0
        return int(np.searchsorted(tracks.first_days, renewed - YOUNG_DAYS))

    def identity(self) -> Json:
        """As ``Recommender``."""
        wanted = self._config.looked_at | ({"renewed_every_days"} if self.renewed else set())
        parameters = self._config.model_dump(include=wanted)
        if self.renewed:
            parameters |= {"renewed": self.renewed.isoformat(), "young_days": YOUNG_DAYS}
        backend = "scipy" if self._is_ease else "implicit"
        return {
            "parameters": parameters,
            "training": NEIGHBOURS_FORMAT,
            "backend": {"name": backend, "version": version(backend)},
        }

    def fit(
        self, data: TrainingData, parent: Parent[Neighbours] | None = None, progress: Progress = unheard
    ) -> Fit[Neighbours]:
        """As ``Recommender``; a parent is of no use to it."""
        if data.plays.nnz == 0:
            raise BadData("Nothing was played, so no tracks are similar. Check the source and history_start.")
        similar = SimilarTracks(self._ease(data.plays) if self._is_ease else self._nearest(data.plays))
        return Fit(Neighbours(similar, Played(data.plays.indptr, data.plays.indices)))

    def with_young(self, old: sparse.csr_matrix, plays: sparse.csr_matrix) -> RenewedNeighbours:
        """The neighbours of a day from those of the old tracks.

        Args:
            old: (n_old, n_old), as ``fit`` found them in the plays before the date of renewal.
            plays: (n_users, n_tracks) play counts of the day's training, the old tracks first.
        """
        n_old, n_tracks = old.shape[0], plays.shape[1]
        alike = partial(self.alike, plays, n_old)
        return with_young(old, alike, n_tracks, self._config.nearest, threads=self.threads)

    def alike(self, plays: sparse.csr_matrix, first: int, least: FloatArray) -> Alike:
        """How much the tracks from a column on are like all tracks.

        Args:
            plays: (n_users, n_tracks) play counts.
            first: the column.
            least: (n_tracks,) what a similarity has to exceed to be of use to each track.
        """
        if self._config.similarity == "cosine":
            plays = self._counted(plays)
            return AlikeByCosine(plays, self._norms(plays), first, least)
        return AlikeByWeights(self.weighted(plays), first, least)

    @property
    def _is_ease(self) -> bool:
        return self._config.similarity == "ease"

    def _ease(self, plays: sparse.csr_matrix) -> sparse.csr_matrix:
        config = self._config
        return ease(plays, config.ease_tracks, config.ease_regularization, config.nearest)

    def _nearest(self, plays: sparse.csr_matrix) -> sparse.csr_matrix:
        nearest = min(self._config.nearest, plays.shape[1] - 1) + 1  # each track is its own nearest
        model = ItemItemRecommender(K=nearest, num_threads=self.threads)
        model.fit(self.weighted(self._counted(plays)), show_progress=False)
        return _without_itself(model.similarity)

    def _counted(self, plays: sparse.csr_matrix) -> sparse.csr_matrix:
        """The plays that similarities are made of. (n_users, n_tracks)."""
        return downsampled(plays, self._config.listener_tracks) if self._config.similarity == "cosine" else plays

    def weighted(self, plays: sparse.csr_matrix) -> sparse.csr_matrix:
        """The matrix two columns of which multiply to a similarity. (n_users, n_tracks) float64."""
        if self._config.similarity == "bm25":
            logs = sparse.csr_matrix((np.log1p(plays.data, dtype=np.float64), plays.indices, plays.indptr), plays.shape)
            return bm25_weight(logs.T, K1=BM25_K1, B=self._config.bm25_b).T.tocsr()
        cells = (1 / self._norms(plays)[plays.indices], plays.indices, plays.indptr)
        return sparse.csr_matrix(cells, shape=plays.shape)

    def _norms(self, plays: sparse.csr_matrix) -> npt.NDArray[np.float64]:
        """Of the tracks' columns, shrunk. (n_tracks,)."""
        return np.asarray(np.sqrt(np.bincount(plays.indices, minlength=plays.shape[1]) + self._config.shrinkage))


def _without_itself(similarity: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows by column, without the track's own entry. float32."""
    found = similarity.tocoo()
    other = (found.row != found.col) & (found.data > 0)
    cells = (found.data[other].astype(np.float32), (found.row[other], found.col[other].astype(np.int32)))
    kept = sparse.csr_matrix(cells, shape=found.shape)
    kept.sort_indices()
    return kept
