"""Fashions that everybody shares: what rises for weeks and falls again, each in its own time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Waves:
    """One wave for each of n things. Arrays (n,)."""

    height: Floats  # the popularity swings between exp(-height) and exp(height) of its mean
    period: Floats  # days
    phase: Floats  # where it begins, in turns

    def at(self, day: int) -> Floats:
        """Factor of each thing on a day. (n,)"""
        return np.asarray(np.exp(self.height * np.sin(2 * np.pi * (day / self.period + self.phase))))


def make_waves(rng: np.random.Generator, n: int, height: float, periods: tuple[float, float]) -> Waves:
    """Draw n waves: heights are exponential around their mean ``height``, periods lie between two numbers of days."""
    return Waves(np.minimum(rng.exponential(height, n), 2.5 * height), rng.uniform(*periods, n), rng.random(n))
