"""An exact check: no statistics, and nobody can override it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """An exact check: what was looked at, what was found, what was asked."""

    name: str
    passed: bool
    found: str
    asked: str

    def __str__(self) -> str:
        return f"{self.name}: {self.found}, asked: {self.asked}"
