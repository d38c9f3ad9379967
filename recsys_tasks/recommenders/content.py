"""Content as a component: a listener's tracks, and the tracks that the catalogue describes alike.

It is the only component that has something to say of a track that nobody has played. Similar tracks are looked for
among those that were played before the day alone: the day's own new tracks are then known by their content only, as
those of tomorrow will be, and what is measured of them holds for these.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.components import ContentConfig
from recsys_tasks.core.domain import BoolArray, Day, IntArray, Vocabulary, day_number
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.recommenders.base import Arrays, Fit, Parent, Progress, TrainingData, unheard
from recsys_tasks.recommenders.best_of_rows import kept_of
from recsys_tasks.recommenders.content_features import content_features
from recsys_tasks.recommenders.nearest_content import Before, nearest_content
from recsys_tasks.recommenders.neighbours import ByPlayedTracks, Neighbours, SimilarTracks
from recsys_tasks.recommenders.vectors import Played

CONTENT_FORMAT = 2
"""Version of the way from a catalogue snapshot to similar tracks; part of a model's identity. In format 1 terms were
counted in all tracks each day."""
COUNTED_ANEW_DAYS = 14
"""How rare terms are, and where bins of numbers end, is counted in the tracks that were played before the newest date
whose number is a multiple of this. In between, a new track changes nothing of what is said of the others."""
MARKS = ("marks", "track_hashes", "known")


@dataclass(frozen=True)
class SimilarByContent:
    """Similar tracks, and what tells on a later day which of them are as they were. (n_tracks,) each of the others."""

    similar: SimilarTracks
    marks: npt.NDArray[np.uint64]  # of the features
    hashes: npt.NDArray[np.uint64]  # of the ids
    known: BoolArray  # could be chosen

    def files(self) -> Arrays:
        """Name -> array."""
        arrays = (self.marks, self.hashes, self.known.astype(np.uint8))
        return {**self.similar.files(), **dict(zip(MARKS, arrays, strict=True))}

    @classmethod
    def of(cls, files: Arrays) -> "SimilarByContent":
        """From its files, mapped or not."""
        marks, hashes, known = (np.asarray(files[name]) for name in MARKS)
        return cls(SimilarTracks.of(files), marks, hashes, known.astype(bool))

    def seen_from(self, marks: npt.NDArray[np.uint64], hashes: npt.NDArray[np.uint64]) -> Before:
        """The same in the columns of a later day, whose known tracks begin with those of this one.

        Args:
            marks: (n_tracks,) of that day's features.
            hashes: (n_tracks,) of its ids.
        """
        order = np.argsort(self.hashes)
        found = order[np.minimum(np.searchsorted(self.hashes, hashes, sorter=order), len(order) - 1)]
        there = self.hashes[found] == hashes
        cols = np.full(len(self.hashes), -1, dtype=np.int32)
        cols[found[there]] = np.flatnonzero(there)
        nearest = sparse.csr_matrix(self.similar.matrix.T)
        now = cols[nearest.indices]
        kept = sparse.csr_matrix((nearest.data, now, nearest.indptr), (len(cols), len(hashes)))
        if now.min(initial=0) < 0:
            kept = kept_of(kept, now >= 0)
        lost = np.diff(kept.indptr) < np.diff(nearest.indptr)  # a neighbour is gone altogether
        kept.resize(len(cols) + 1, len(hashes))  # the last row is that of tracks that were not there
        kept = kept[np.where(there, found, len(cols))]
        settled = there & (self.marks[found] == marks) & ~lost[found]
        return Before(kept, settled, there & self.known[found])


class Content(ByPlayedTracks):
    """Similarity by content under one choice of parameters; a ``Recommender`` of ``Neighbours``."""

    name = "content"

    def __init__(self, config: ContentConfig, catalogue: str, day: Day, threads: int = 1) -> None:
        """Nothing is computed yet.

        Args:
            config: parameters.
            catalogue: digest of the snapshot that it is fitted on.
            day: newest date of the plays.
            threads: that share the work; the bytes do not depend on it.
        """
        self._config, self._catalogue, self._day, self._threads = config, catalogue, day, threads

    def identity(self) -> Json:
        """As ``Recommender``; the catalogue is part of it."""
        parameters = self._config.model_dump(include={"weights", "most_tracks", "nearest", "cold_tracks"})
        return {"parameters": parameters | {"catalogue": self._catalogue}, "training": CONTENT_FORMAT, "backend": None}

    def fit(
        self, data: TrainingData, parent: Parent[Neighbours] | None = None, progress: Progress = unheard
    ) -> Fit[Neighbours]:
        """As ``Recommender``; a parent is of no use to it."""
        similar = self.similar(data).similar
        return Fit(Neighbours(similar, Played(data.plays.indptr, data.plays.indices)))

    def similar(self, data: TrainingData, before: SimilarByContent | None = None) -> SimilarByContent:
        """Similar tracks.

        Args:
            data: the day.
            before: those of a day whose chain of partitions ours begins with: it spares work and changes no byte.

        Raises:
            BadData: nothing was played, or there is no catalogue.
        """
        if data.plays.nnz == 0:
            raise BadData("Nothing was played, so no track is like one that was. Check the source and history_start.")
        if data.catalogue is None:
            raise BadData("There is no catalogue that says anything of a track. Name its table under [catalogue].")
        config, counted = self._config, counted_tracks(data.tracks, self._day)
        said = content_features(data.catalogue, data.tracks.ids, config.weights, config.most_tracks, counted)
        known, hashes = heard_before(data.plays, data.tracks, self._day), keyed_hash(data.tracks.ids, "track")
        earlier = None if before is None else before.seen_from(said.marks, hashes)
        similar = nearest_content(said.features, known, config.nearest, before=earlier, threads=self._threads)
        return SimilarByContent(SimilarTracks(similar), said.marks, hashes, np.isin(np.arange(len(hashes)), known))


def counted_tracks(tracks: Vocabulary, day: Day) -> BoolArray:
    """Whose terms are counted: the tracks played before a date of the calendar, if they are half of all; else all."""
    before = tracks.first_days < day_number(day) - day_number(day) % COUNTED_ANEW_DAYS
    return np.asarray(before if before.mean() >= 0.5 else np.ones(len(tracks), dtype=bool))


def heard_before(plays: sparse.csr_matrix, tracks: Vocabulary, day: Day) -> IntArray:
    """Columns of the tracks that were first played before a date and have a play of the training, rising."""
    return np.flatnonzero((listeners_of(plays) > 0) & (tracks.first_days < day_number(day)))
