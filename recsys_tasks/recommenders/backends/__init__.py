"""Trainer backends: what solves the equations of weighted ALS. Name and versions are part of a model's identity.

Some solve one side at a time, in this process, and may begin with yesterday's factors; others train elsewhere and from
the beginning. Folding listeners in needs none of them: it is done here, by the exact equation, whoever trained.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.records import Json
from recsys_tasks.matrix.row_ranges import PlayRows
from recsys_tasks.recommenders.factors import Factors

HalfStep: TypeAlias = Callable[[sparse.csr_matrix, FloatArray, FloatArray], None]
"""Solves in place for one side: (confidences (n, m), its factors (n, f), factors of the other side (m, f))."""


@runtime_checkable
class HalfSteps(Protocol):
    """Solves one side against the other."""

    def identity(self) -> Json:
        """Its name, and the versions of whatever decides the bytes."""

    def half_step(self, config: AlsConfig, warm: bool) -> HalfStep:
        """The solution of one side against the other. warm: the factors are near the solution already."""


@runtime_checkable
class WholeTraining(Protocol):
    """Trains both sides from a cold start."""

    def identity(self) -> Json:
        """As ``HalfSteps``."""

    def train(self, plays: PlayRows, config: AlsConfig) -> Factors:
        """Factors of all rows after ``config.max_iterations``. plays: (n_users, n_tracks) play counts.

        Raises:
            BadData: there is nothing to learn from, or more rows than it can number.
            TrainerUnavailable: it broke off.
        """


Backend: TypeAlias = HalfSteps | WholeTraining
