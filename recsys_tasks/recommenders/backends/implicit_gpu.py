"""``implicit`` on a graphics processor: the conjugate gradients of ``implicit_cpu``, in 32 bits, by CUDA.

Confidences stay on the device from one iteration to the next; the factors are copied there and back in each half of
an iteration, so that losses and progress are those of every other backend.
"""

from collections import OrderedDict
from typing import Any

import numpy as np
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.backends.implicit_cpu import COLD_STEPS, WARM_STEPS

KEPT = 2
"""Matrices of confidences that stay on the device: that of the listeners and that of the tracks."""


class ImplicitGpu:
    """The library's solver for the first CUDA device; any number of factors."""

    def __init__(self, versions: Json) -> None:
        """versions: of what decides the bytes, as ``steps.trainers`` found them."""
        self._versions = versions

    def identity(self) -> Json:
        """As ``HalfSteps``."""
        return {"name": "implicit-gpu", **self._versions}

    def half_step(self, config: AlsConfig, warm: bool) -> "DeviceSteps":
        """As ``HalfSteps``."""
        return DeviceSteps(config, WARM_STEPS if warm else COLD_STEPS)


class DeviceSteps:
    """Solutions of one side against the other, on the device."""

    def __init__(self, config: AlsConfig, steps: int) -> None:
        from implicit import gpu

        self._gpu, self._steps, self._regularization = gpu, steps, config.regularization
        self._solver, self._kept = gpu.LeastSquaresSolver(), OrderedDict[int, tuple[sparse.csr_matrix, Any]]()

    def __call__(self, weighted: sparse.csr_matrix, own: FloatArray, others: FloatArray) -> None:
        """As ``HalfStep``."""
        theirs, mine = self._gpu.Matrix(np.ascontiguousarray(others)), self._gpu.Matrix(np.ascontiguousarray(own))
        squares = self._gpu.Matrix.zeros(others.shape[1], others.shape[1])
        self._solver.calculate_yty(theirs, squares, self._regularization)
        self._solver.least_squares(self._on_device(weighted), mine, squares, theirs, self._steps)
        own[:] = mine.to_numpy()

    def _on_device(self, weighted: sparse.csr_matrix) -> Any:
        """The device's copy; what it is of is kept too, so that nothing else comes to lie at its place in memory."""
        place = weighted.data.ctypes.data
        if place not in self._kept:
            self._kept[place] = weighted, self._gpu.CSRMatrix(weighted)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[place][1]
