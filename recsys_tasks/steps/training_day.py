"""What a day is trained on, read once: whoever trains something of it asks here."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from recsys_tasks.core.domain import PlayMatrix, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.formatting import count
from recsys_tasks.matrix.row_ranges import NARROW_PAIRS, SLICE_PAIRS, PlayRows, whole
from recsys_tasks.matrix.split import Split, training_of
from recsys_tasks.matrix.trained_plays import track_listeners, widened
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Arrays, TrainingFigures
from recsys_tasks.recommenders.cold_tracks import NO_COLD_TRACKS
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.beside import catalogue_of, items_for
from recsys_tasks.steps.workplace import Workplace


@dataclass
class TrainingDay:
    """The plays of a day, and who is hidden; each is read when it is first asked for, and kept.

    Raises:
        CorruptArtefact: what is read differs from its manifest.
    """

    at: Workplace
    als: ModelKey  # of the model of ALS, which names the day, the matrix and the split
    _opened: dict[str, Arrays] = field(default_factory=dict)  # by digest
    _factors: dict[str, Factors] = field(default_factory=dict)  # by digest
    _similar: dict[str, SimilarTracks] = field(default_factory=dict)  # by digest

    @cached_property
    def matrix(self) -> PlayMatrix:
        """All plays up to and with the day."""
        return self.at.matrices.load(self.als.day, self.als.matrix)

    @cached_property
    def split(self) -> Split:
        """Who is hidden on the day."""
        return self.at.splits.load(self.als.day, str(self.als.split))

    @cached_property
    def training(self) -> PlayRows:
        """The plays without the day of the hidden listeners."""
        return training_of(self.matrix, self.split)

    def whole_training(self) -> sparse.csr_matrix:
        """The same as one matrix. One that ALS would make, too, is kept for it.

        Raises:
            BadData: it has more pairs than 32 bits can number.
        """
        if self.training.nnz > NARROW_PAIRS:
            raise BadData(
                f"{count(self.training.nnz)} pairs of listener and track are more than one matrix can hold "
                f"({count(NARROW_PAIRS)}), and neighbours and content are learnt from one. Take them out of [blend] "
                "components and set [content] cold_tracks = false, or give a later history_start."
            )
        cells = whole(self.training)
        if cells.nnz <= SLICE_PAIRS:
            self.training = cells
        return cells

    @cached_property
    def items(self) -> Vocabulary:
        """The tracks of the matrix, and those without a play if these are asked for."""
        return items_for(self.at, self.als.day, self.matrix.tracks, lambda: self.catalogue)

    @cached_property
    def catalogue(self) -> pa.Table | None:
        """As it was on the day; None where there is none."""
        return catalogue_of(self.at, self.als.day)

    @cached_property
    def listeners(self) -> npt.NDArray[np.int64]:
        """How many played each item, in the training. (n_items,)."""
        return track_listeners(widened(self.training, len(self.items)))

    def store(self, key: ModelKey, files: Arrays, figures: TrainingFigures) -> None:
        """Store a model of the day. What has just been trained need not be read again."""
        self.at.models.save(key, files, figures)
        self._opened[key.digest] = files

    def model(self, digest: str) -> Arrays:
        """The files of a stored model of the day, by name."""
        if digest not in self._opened:
            self._opened[digest] = arrays_of(self.at.models.load(self.als.day, digest))
        return self._opened[digest]

    def similar(self, digest: str) -> SimilarTracks:
        """The similar tracks of a stored model of the day, checked once."""
        if digest not in self._similar:
            self._similar[digest] = SimilarTracks.of(self.model(digest))
        return self._similar[digest]

    def factors(self, als: str) -> Factors:
        """The factors of ALS with a row for each item, zero for one without a play. als: digest of its model."""
        if als not in self._factors:
            known = Als(self.at.models.key(self.als.day, als).als).open(self.model(als))
            self._factors[als] = NO_COLD_TRACKS.put_into(known, len(self.items))
        return self._factors[als]
