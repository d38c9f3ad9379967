"""How the components of a candidate are joined: their weights, in the order of the components."""

from collections.abc import Sequence
from dataclasses import dataclass

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.recommenders.base import Retriever


@dataclass(frozen=True)
class Blend:
    """Weights of components.

    Raises:
        ConfigError: there is no component, or no weight that is positive.
    """

    weights: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not self.weights or max(self.weights) <= 0:
            raise ConfigError(f"A blend of weights {self.weights} recommends nothing. Give one a positive weight.")

    def of(self, components: Sequence[Retriever]) -> Retriever:
        """The components as one retriever. One component alone answers as it is, whatever its scale.

        Raises:
            ConfigError: weights and components are not equally many; or there is more than one component, whose scores
                are on different scales.
        """
        if len(components) != len(self.weights):
            raise ConfigError(f"{len(components)} components do not fit {len(self.weights)} weights.")
        if len(components) > 1:
            raise ConfigError(f"A blend of {len(components)} components cannot be made yet: configure one.")
        return components[0]
