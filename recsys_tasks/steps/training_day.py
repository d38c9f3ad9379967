"""What a day is trained on, read once: whoever trains something of it asks here."""

from dataclasses import dataclass, field
from functools import cached_property

from recsys_tasks.core.domain import PlayMatrix, Vocabulary
from recsys_tasks.matrix.split import Split, training_of
from recsys_tasks.matrix.trained_plays import TrainedPlays
from recsys_tasks.recommenders.base import Arrays
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.beside import items_for
from recsys_tasks.steps.workplace import Workplace


@dataclass(frozen=True)
class TrainingDay:
    """The plays of a day, and who is hidden; each is read when it is first asked for, and kept.

    Raises:
        CorruptArtefact: what is read differs from its manifest.
    """

    at: Workplace
    als: ModelKey  # of the model of ALS, which names the day, the matrix and the split
    _opened: dict[str, Arrays] = field(default_factory=dict)  # by digest

    @cached_property
    def matrix(self) -> PlayMatrix:
        """All plays up to and with the day."""
        return self.at.matrices.load(self.als.day, self.als.matrix)

    @cached_property
    def split(self) -> Split:
        """Who is hidden on the day."""
        return self.at.splits.load(self.als.day, str(self.als.split))

    @cached_property
    def training(self) -> TrainedPlays:
        """The plays without the day of the hidden listeners."""
        return training_of(self.matrix, self.split)

    @cached_property
    def items(self) -> Vocabulary:
        """The tracks of the matrix, and those without a play if these are asked for."""
        return items_for(self.at, self.als.day, self.matrix)

    def model(self, digest: str) -> Arrays:
        """The files of a model of the day, by name."""
        if digest not in self._opened:
            self._opened[digest] = arrays_of(self.at.models.load(self.als.day, digest))
        return self._opened[digest]
