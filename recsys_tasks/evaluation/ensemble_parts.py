"""The settings of each component that a search tries, and the components that they make."""

from dataclasses import dataclass
from typing import TypeAlias

from recsys_tasks.core.components import ContentConfig, NeighboursConfig, RecentConfig
from recsys_tasks.core.records import Json
from recsys_tasks.evaluation.ensemble_data import Material, Sample
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.content import Content
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.recent import label_of

Part: TypeAlias = RecentConfig | NeighboursConfig | ContentConfig
HALF_LIVES = (1.0, 3.0, 7.0, 14.0, 30.0, 60.0)
PAIRS = ((1.0, 14.0), (3.0, 30.0), (7.0, 60.0))
"""Two time scales beside each other."""
SHRINKAGES, NEAREST, ALIKE = (1.0, 10.0, 50.0), (50, 100, 200), (60, 200)
"""Of the neighbours: listeners added to the norms, and tracks kept of each; of content: tracks kept of each."""
LAMBDAS = (200.0, 1_000.0, 5_000.0)
"""Of neighbours by EASE, which take the inverse of a square of their tracks each: with today's ``nearest`` alone."""
DEPTHS = (100, 300, 500)
"""Candidates that each component lists: what ensembles are compared with, and what trees may have beyond it."""


@dataclass(frozen=True)
class Today:
    """The settings that the configuration has now; each is tried, and stays what is not searched for."""

    recent: RecentConfig
    neighbours: NeighboursConfig
    content: ContentConfig


def parts_to_try(today: Today, material: Material) -> dict[str, list[Part]]:
    """Name of a component -> settings, today's first. Without dates there is no ``recent``, without a catalogue no
    ``content``."""
    scales = [(each,) for each in HALF_LIVES] + list(PAIRS)
    counted: list[Json] = [{"similarity": "cosine", "shrinkage": each} for each in SHRINKAGES]
    counted.append({"similarity": "bm25"})
    similarities = [each | {"nearest": nearest} for each in counted for nearest in NEAREST]
    similarities += [{"similarity": "ease", "ease_regularization": each} for each in LAMBDAS]
    tried: dict[str, list[Part]] = {
        "recent": [today.recent, *(RecentConfig(half_life_days=each) for each in scales)],
        "neighbours": [today.neighbours, *(today.neighbours.model_copy(update=each) for each in similarities)],
        "content": [today.content, *(today.content.model_copy(update={"nearest": nearest}) for nearest in ALIKE)],
    }
    absent = {"recent": not material.recent, "content": material.catalogue is None}
    return {
        name: [part for n, part in enumerate(parts) if part not in parts[:n]]
        for name, parts in tried.items()
        if not absent.get(name)
    }


def depths_for(today: int) -> tuple[int, ...]:
    """Depths to try, rising; ensembles are compared with the first one, which is today's where that is less."""
    return tuple(sorted({today, *DEPTHS}))


def half_lives_of(today: Today) -> tuple[float, ...]:
    """All half-lives that ``parts_to_try`` names."""
    return tuple(sorted({*today.recent.half_life_days, *HALF_LIVES, *(each for pair in PAIRS for each in pair)}))


def fitted(part: Part, sample: Sample) -> dict[str, Retriever]:
    """The components of a setting by their names: two for two half-lives, else one."""
    if isinstance(part, RecentConfig):
        return {label_of(days): sample.recent[days] for days in part.half_life_days}
    if isinstance(part, NeighboursConfig):
        return {"neighbours": NearestTracks(part).fit(sample.data).component}
    return {"content": Content(part, "", sample.day).fit(sample.data).component}
