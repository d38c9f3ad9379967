"""The contract of a recommender: what every model has to do, so that everything after it can treat all models alike.

A recommender is fitted on the training part of a split, from a parent where it can start warm, to a fitted component.
A component lists the best candidates of listeners with raw scores, scores given pairs, says who and what is cold to it,
and writes itself as files from which it is opened again, mapped. The same input gives the same bytes.

Scores of different components mean different things; whoever joins components brings them onto one scale first. Rows
are those of the play matrix's listeners, columns those of its tracks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray, Scratch, Vocabulary
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.vectors import Played

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
Progress: TypeAlias = Callable[[int, float], None]
"""Called after each iteration with (iteration, loss)."""


def unheard(_iteration: int, _loss: float) -> None:
    """The progress that nobody follows."""


class Candidates(NamedTuple):
    """The best items of each listener, best first, equal scores by column; -1 and -inf where nothing is left."""

    cols: npt.NDArray[np.int32]  # (n_users, k)
    scores: FloatArray  # (n_users, k)
    exact: BoolArray  # (n_users,) certified: no other item scores more


class Retriever(Protocol):
    """What answers for listeners: a fitted component by itself, through an index, or several joined."""

    def candidates(self, user_rows: IntArray, played: Played, k: int, allowed: BoolArray | None = None) -> Candidates:
        """The k best items of each listener.

        Args:
            user_rows: (n_users,) rows of the listeners.
            played: items that each of them is not to be shown.
            k: length of a list.
            allowed: (n_items,) items to choose from; None: all.

        Raises:
            BadData: shapes do not fit.
            ConfigError: k is not positive.
        """

    def scores(self, user_rows: IntArray, item_cols: IntArray) -> FloatArray:
        """Raw score of each pair. (n_pairs,) each; a pair with a cold side scores 0."""

    def cold_users(self) -> BoolArray:
        """Which listeners get no answer of their own. (n_users,)."""

    def cold_items(self) -> BoolArray:
        """Which items stand on no list. (n_items,)."""


class Component(Retriever, Protocol):
    """A fitted component: a retriever that can be stored."""

    def files(self) -> Arrays:
        """Name -> array: everything that ``Recommender.open`` needs."""


C = TypeVar("C", bound=Component)


@dataclass(frozen=True)
class TrainingData:
    """What a recommender is fitted on."""

    plays: Any  # (n_users, n_tracks) play counts of the training, canonical: a csr_matrix, for ALS any ``PlayRows``
    users: Vocabulary  # (n_users,)
    tracks: Vocabulary  # (n_tracks,)
    catalogue: pa.Table | None = None  # snapshot of the day, one row a track, for whoever reads content
    scratch: Scratch = np.empty  # gives room for arrays of the size of the pairs


@dataclass(frozen=True)
class Parent(Generic[C]):
    """The component of an earlier date, under the row numbers of its own matrix."""

    component: C
    users: Vocabulary
    tracks: Vocabulary


@dataclass(frozen=True)
class TrainingFigures:
    """What a training recorded; a recommender without iterations has none."""

    iterations: int = 0
    losses: tuple[float, ...] = ()  # after each iteration
    warm: bool = False  # whether it began with a parent
    pairs: int | None = None  # played ones that were trained on; None: trained before this was recorded
    weight: float | None = None  # sum of the confidences of all cells, by which a loss is divided; None as above


@dataclass(frozen=True)
class Fit(Generic[C]):
    """A fitted component, and what its training recorded."""

    component: C
    figures: TrainingFigures = field(default_factory=TrainingFigures)


class Recommender(Protocol[C]):
    """A kind of model under one choice of parameters."""

    name: str
    """As the configuration calls it."""

    def identity(self) -> Json:
        """Everything beside data and parent that decides the bytes of a component, as JSON values."""

    def fit(self, data: TrainingData, parent: Parent[C] | None = None, progress: Progress = unheard) -> Fit[C]:
        """Fit a component.

        Raises:
            BadData: there is nothing to learn from, or a parameter becomes infinite.
        """

    def open(self, files: Arrays) -> C:
        """The component that these files hold.

        Raises:
            BadData: they do not fit together, or a number is not finite.
        """

    def fold_in(self, component: C, plays: sparse.csr_matrix, user_rows: IntArray) -> C:
        """The component with some listeners learned anew from their plays, its items unchanged.

        Args:
            component: whose items are kept.
            plays: (n_rows, n_tracks) play counts of the listeners.
            user_rows: (n_rows,) their rows.
        """

    def recorded_loss(self, component: C, plays: sparse.csr_matrix) -> float | None:
        """The figure that a training records last, computed anew; None for a recommender that records none."""
