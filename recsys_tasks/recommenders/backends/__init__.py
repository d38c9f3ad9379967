"""Trainer backends: what solves the equations of weighted ALS. Its name and version are part of a model's identity."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.recommenders.backends.implicit_cpu import ImplicitCpu

HalfStep: TypeAlias = Callable[[sparse.csr_matrix, FloatArray, FloatArray], None]
"""Solves in place for one side: (confidences (n, m), its factors (n, f), factors of the other side (m, f))."""


class Backend(Protocol):
    """A solver of weighted ALS."""

    name: str
    version: str

    def half_step(self, config: AlsConfig, warm: bool) -> HalfStep:
        """The solution of one side against the other. warm: the factors are near the solution already."""

    def fold_in(self, weighted: sparse.csr_matrix, item_factors: FloatArray, config: AlsConfig) -> FloatArray:
        """Exact solution of listeners against fixed item factors. weighted: (n, n_tracks) confidences. (n, f)."""


def backend_of(config: AlsConfig) -> Backend:
    """The backend that the configuration names."""
    return {"implicit": ImplicitCpu}[config.backend]()
