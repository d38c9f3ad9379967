"""``implicit`` on a graphics processor: the conjugate gradients of ``implicit_cpu``, in 32 bits, by CUDA.

Confidences stay on the device from one iteration to the next; the factors are copied there and back in each half of
an iteration, so that losses and progress are those of every other backend.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import FloatArray
from recsys_tasks.core.errors import BadData, TrainerUnavailable
from recsys_tasks.core.formatting import in_one_line
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.backends.implicit_cpu import COLD_STEPS, WARM_STEPS

KEPT = 2
"""Matrices of confidences that stay on the device: that of the listeners and that of the tracks."""
MOST_NUMBERS = 2**31 - 1
"""Of the factors of the other side: the library finds a row there by a signed product of 32 bits (0.7.3)."""


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
        self._kept = OrderedDict[int, tuple[sparse.csr_matrix, Any]]()
        with _told_in_a_sentence():
            self._solver = gpu.LeastSquaresSolver()

    def __call__(self, weighted: sparse.csr_matrix, own: FloatArray, others: FloatArray) -> None:
        """As ``HalfStep``.

        Raises:
            BadData: the other side has more factors than the library can number.
            TrainerUnavailable: the device has too little memory left, or broke off.
        """
        _refuse_too_many(*others.shape)
        sides = np.ascontiguousarray(others), np.ascontiguousarray(own)
        with _told_in_a_sentence():
            theirs, mine = map(self._gpu.Matrix, sides)
            squares = self._gpu.Matrix.zeros(others.shape[1], others.shape[1])
            self._solver.calculate_yty(theirs, squares, self._regularization)
            self._solver.least_squares(self._on_device(weighted), mine, squares, theirs, self._steps)
            own[:] = mine.to_numpy()

    def _on_device(self, weighted: sparse.csr_matrix) -> Any:
        """The device's copy; what it is of is kept too, so that nothing else comes to lie at its place in memory."""
        place = weighted.data.ctypes.data
        if place not in self._kept:
            if len(self._kept) == KEPT:
                self._kept.popitem(last=False)  # before the next is sent: the device holds no third one
            self._kept[place] = weighted, self._gpu.CSRMatrix(weighted)
        return self._kept[place][1]


def _refuse_too_many(rows: int, factors: int) -> None:
    """Raises BadData where a row would be looked for at a place that 32 bits cannot name."""
    if rows * factors > MOST_NUMBERS:
        raise BadData(
            f"{rows:,} rows of {factors} factors are more numbers than implicit can name on a CUDA device "
            f'({MOST_NUMBERS:,}). Lower als.factors, or take [als] backend = "implicit".'
        )


@contextmanager
def _told_in_a_sentence() -> Iterator[None]:
    """Raises TrainerUnavailable for what the library and its memory manager raise: MemoryError and RuntimeError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        said = in_one_line(str(error)).rstrip(".")
        raise TrainerUnavailable(
            f"The CUDA device broke off ({said}); nothing of the training is stored. If it lasts, see with nvidia-smi "
            "what else uses its memory, which has to hold the factors of both sides and 16 bytes for each pair of a "
            'slice, or take [als] backend = "implicit".'
        ) from error
