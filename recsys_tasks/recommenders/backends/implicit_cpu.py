"""``implicit`` on the CPU: conjugate gradients in each half of an iteration, the exact solver for folding in."""

import functools
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray

WARM_STEPS = 2
"""Steps of conjugate gradients in each solution of a warm start, three (the library's own) in a cold one: near the
solution the third takes a fifth of the time, and what it gains the next day's training gains as well."""


class ImplicitCpu:
    """The library's compiled solver. The same bytes with any number of threads."""

    name = "implicit"

    def __init__(self) -> None:
        self.version = version("implicit")

    def half_step(self, config: AlsConfig, warm: bool) -> Callable[..., None]:
        """As ``Backend``."""
        model = _model(config)
        model.cg_steps = WARM_STEPS if warm else model.cg_steps
        return functools.partial(model.solver, regularization=config.regularization, num_threads=config.threads)

    def fold_in(self, weighted: sparse.csr_matrix, item_factors: FloatArray, config: AlsConfig) -> FloatArray:
        """As ``Backend``."""
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
