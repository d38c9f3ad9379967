"""The few numbers that a whole world follows from: the same numbers give the same rows, byte for byte."""

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import ConfigError

EARLIEST_START, LATEST_START = date(1990, 1, 1), date(2200, 1, 1)
BOUNDS = {
    "users": (50, 20_000_000),
    "tracks": (500, 20_000_000),
    "days": (1, 3650),
    "seed": (0, 2**32 - 1),
    "plays": (1.0, 200.0),
    "daily_releases": (0.0, 0.2),
}


@dataclass(frozen=True)
class WorldParams:
    """Size, span and seed of a world."""

    users: int = 20_000
    """Listeners at the end of the span; some arrive on the way."""
    tracks: int = 20_000
    """Tracks that are out when the first day begins."""
    days: int = 35
    """Days with streams."""
    start: Day = date(2026, 1, 5)
    """The first of them, UTC."""
    seed: int = 1
    """Another seed, another world."""
    plays: float = 10.0
    """Mean streams of a listener on a day that has any."""
    daily_releases: float = 0.01
    """Tracks released each day, as a share of ``tracks``."""

    def __post_init__(self) -> None:
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"A world with {name} = {value} is impossible. Choose {low} to {high}.")
        if not EARLIEST_START <= self.start <= LATEST_START:
            raise ConfigError(f"A world cannot start on {self.start}. Choose {EARLIEST_START} to {LATEST_START}.")

    @property
    def last_day(self) -> Day:
        """The last day with streams."""
        return self.start + timedelta(days=self.days - 1)

    def index_of(self, day: Day) -> int:
        """Days from the start to ``day``.

        Raises:
            ConfigError: the day lies outside the world.
        """
        if not self.start <= day <= self.last_day:
            raise ConfigError(f"The world has no {day}. It runs from {self.start} to {self.last_day}.")
        return (day - self.start).days

    def random(self, *what: int) -> np.random.Generator:
        """The random numbers of one purpose: independent of those of every other purpose and day."""
        return np.random.default_rng([self.seed, *what])


PRESETS = {
    "demo": WorldParams(),
    "small": WorldParams(users=1_500, tracks=2_000, days=12),
}


def save_truth(params: WorldParams, path: Path) -> None:
    """Write the parameters as JSON: the whole hidden truth is computed again from them."""
    values: dict[str, Any] = asdict(params) | {"start": params.start.isoformat()}
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def load_truth(path: Path) -> WorldParams:
    """Read what ``save_truth`` wrote.

    Raises:
        ConfigError: the file is missing or is not such a file.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return WorldParams(**values | {"start": parse_day(values["start"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} does not hold the parameters of a world: {error}. Make the world again.") from None
