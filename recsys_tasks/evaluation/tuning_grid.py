"""The settings that a search may try: a grid in steps of a and lambda that are the same share everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10

from recsys_tasks.core.config import AlsConfig

A_ALLOWED, LAMBDA_ALLOWED = (0.001, 400.0), (0.01, 400.0)
FACTORS = (40, 64, 128, 256)
DECADE = 4
"""Steps of the finest grid in a factor of ten of a or lambda: 1, 1.8, 3.2, 5.6, 10."""
COARSE_A = {"log": (0, DECADE, 2 * DECADE), "linear": (-2 * DECADE, -DECADE, 0, DECADE)}
COARSE_LAMBDA = (0, DECADE, 2 * DECADE)
FINE, MEDIUM = (DECADE, DECADE // 2, 1), (DECADE // 2,)
"""Sizes of the steps from a point to its neighbours, one search after the other."""
DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1))
"""Of the neighbours of a point: a and lambda down or up, one of them or both. What lambda takes from a played cell a
gives back, so that good settings lie along a ridge where both grow: one alone would step off it on either side."""


@dataclass(frozen=True)
class Point:
    """A setting on the finest grid: a and lambda as steps from 1."""

    weight: str
    a: int
    regularization: int
    factors: int

    def setting(self, base: AlsConfig) -> AlsConfig:
        """The parameters, kept within what is allowed; the others are those of ``base``."""
        update = {
            "weight": self.weight,
            "a": _value(self.a, A_ALLOWED),
            "regularization": _value(self.regularization, LAMBDA_ALLOWED),
            "factors": self.factors,
        }
        return AlsConfig.model_validate(base.model_dump() | update)

    def around(self, step: int) -> list["Point"]:
        """Its neighbours at so many steps of a and of lambda, those beyond what is allowed at its edge."""
        near = [self._beside(step * a, step * regularization) for a, regularization in DIRECTIONS]
        return [point for point in near if point != self]

    def _beside(self, a: int, regularization: int) -> "Point":
        return replace(
            self,
            a=_within(self.a + a, A_ALLOWED),
            regularization=_within(self.regularization + regularization, LAMBDA_ALLOWED),
        )


def coarse(factors: int) -> list[Point]:
    """Where the search begins: decades of a and lambda for each weight."""
    return [
        Point(weight, a, regularization, factors)
        for weight, steps in COARSE_A.items()
        for a in steps
        for regularization in COARSE_LAMBDA
    ]


def edges_of(config: AlsConfig, lengths: Sequence[int]) -> tuple[str, ...]:
    """Which parameters stand at the edge of what may be tried, in words.

    Args:
        config: the setting.
        lengths: of a vector that were allowed, rising; where there is one alone, nobody looked for another.
    """
    searched = (("a", config.a, A_ALLOWED), ("lambda", config.regularization, LAMBDA_ALLOWED))
    found = [f"{name} = {value:g}" for name, value, allowed in searched if value in allowed]
    longest = [f"{config.factors} factors"] if len(lengths) > 1 and config.factors == lengths[-1] else []
    return (*found, *longest)


def _value(step: int, allowed: tuple[float, float]) -> float:
    """A parameter at a step of the grid, to two digits."""
    return min(allowed[1], max(allowed[0], float(f"{10 ** (step / DECADE):.2g}")))


def _within(step: int, allowed: tuple[float, float]) -> int:
    """The step, or the one at the edge of what is allowed."""
    lowest, highest = floor(DECADE * log10(allowed[0])), ceil(DECADE * log10(allowed[1]))
    return min(highest, max(lowest, step))
