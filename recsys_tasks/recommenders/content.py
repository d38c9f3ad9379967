"""Content as a component: a listener's tracks, and the tracks that the catalogue describes alike.

It is the only component that has something to say of a track that nobody has played. Similar tracks are looked for
among those that were played before the day alone: the day's own new tracks are then known by their content only, as
those of tomorrow will be, and what is measured of them holds for these.
"""

import numpy as np
from scipy import sparse

from recsys_tasks.core.components import ContentConfig
from recsys_tasks.core.domain import Day, IntArray, Vocabulary, day_number
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.recommenders.base import Fit, Parent, Progress, TrainingData, unheard
from recsys_tasks.recommenders.content_features import content_features
from recsys_tasks.recommenders.nearest_content import nearest_content
from recsys_tasks.recommenders.neighbours import ByPlayedTracks, Neighbours, SimilarTracks
from recsys_tasks.recommenders.vectors import Played

CONTENT_FORMAT = 1
"""Version of the way from a catalogue snapshot to similar tracks; part of a model's identity."""


class Content(ByPlayedTracks):
    """Similarity by content under one choice of parameters; a ``Recommender`` of ``Neighbours``."""

    name = "content"

    def __init__(self, config: ContentConfig, catalogue: str, day: Day) -> None:
        """Nothing is computed yet.

        Args:
            config: parameters.
            catalogue: digest of the snapshot that it is fitted on.
            day: newest date of the plays.
        """
        self._config, self._catalogue, self._day = config, catalogue, day

    def identity(self) -> Json:
        """As ``Recommender``; the catalogue is part of it."""
        parameters = self._config.model_dump(include={"weights", "most_tracks", "nearest", "cold_tracks"})
        return {"parameters": parameters | {"catalogue": self._catalogue}, "training": CONTENT_FORMAT, "backend": None}

    def fit(
        self, data: TrainingData, parent: Parent[Neighbours] | None = None, progress: Progress = unheard
    ) -> Fit[Neighbours]:
        """As ``Recommender``; a parent is of no use to it."""
        if data.plays.nnz == 0:
            raise BadData("Nothing was played, so no track is like one that was. Check the source and history_start.")
        if data.catalogue is None:
            raise BadData("There is no catalogue that says anything of a track. Name its table under [catalogue].")
        config = self._config
        features = content_features(data.catalogue, data.tracks.ids, config.weights, config.most_tracks)
        similar = nearest_content(features, heard_before(data.plays, data.tracks, self._day), config.nearest)
        return Fit(Neighbours(SimilarTracks(similar), Played(data.plays.indptr, data.plays.indices)))


def heard_before(plays: sparse.csr_matrix, tracks: Vocabulary, day: Day) -> IntArray:
    """Columns of the tracks that were first played before a date and have a play of the training, rising."""
    return np.flatnonzero((listeners_of(plays) > 0) & (tracks.first_days < day_number(day)))
