"""``implicit`` on the CPU: conjugate gradients in each half of an iteration, the exact solver for folding in."""

import functools
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.records import Json

COLD_STEPS, WARM_STEPS = 3, 2
"""Steps of conjugate gradients in each solution: the library's own number, and that of a warm start. Near the solution
the third takes a fifth of the time, and what it gains the next day's training gains as well."""


class ImplicitCpu:
    """The library's compiled solver. The same bytes with any number of threads."""

    def identity(self) -> Json:
        """As ``HalfSteps``."""
        return {"name": "implicit", "version": version("implicit")}

    def half_step(self, config: AlsConfig, warm: bool) -> Callable[..., None]:
        """As ``HalfSteps``."""
        model = _model(config)
        model.cg_steps = WARM_STEPS if warm else COLD_STEPS
        return functools.partial(model.solver, regularization=config.regularization, num_threads=config.threads)


def exact_vectors(weighted: sparse.csr_matrix, item_factors: FloatArray, config: AlsConfig) -> FloatArray:
    """Exact solution of listeners against fixed item factors, whoever trained these. (n, n_factors).

    Args:
        weighted: (n, n_tracks) confidences.
        item_factors: (n_tracks, n_factors).
        config: lambda and threads.
    """
    model = _model(config)
    model.item_factors = np.require(item_factors, requirements="W")  # the library refuses arrays that are mapped
    vectors = model.recalculate_user(np.arange(weighted.shape[0]), weighted)
    return np.asarray(vectors, dtype=np.float32)


def _model(config: AlsConfig) -> AlternatingLeastSquares:
    """Always a new object: refitted on a larger matrix, one reads out of bounds."""
    return AlternatingLeastSquares(
        factors=config.factors,
        regularization=config.regularization,
        alpha=1.0,
        iterations=config.max_iterations,
        num_threads=config.threads,
        random_state=config.seed,
    )
