"""The settings of each component that a search tries, and the components that they make."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from recsys_tasks.core.components import ContentConfig, NeighboursConfig, RecentConfig
from recsys_tasks.core.records import Json
from recsys_tasks.evaluation.ensemble_data import Material, Sample
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.content import Content
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.recent import Recent, recents_of

Part: TypeAlias = RecentConfig | NeighboursConfig | ContentConfig
HALF_LIVES = (1.0, 3.0, 7.0, 14.0, 30.0, 60.0)
PAIRS = ((1.0, 14.0), (3.0, 30.0), (7.0, 60.0))
"""Two time scales beside each other."""
COUNTS: tuple[Literal["listeners", "discoveries"], ...] = ("listeners", "discoveries")
DISCOVERIES = "discoveries"
"""Name of the settings of ``recent`` that count these: weights may want them where trees want the others, so that the
best of both go on, and an ensemble has one of them at most."""
SHRINKAGES, NEAREST, ALIKE = (1.0, 10.0, 50.0), (50, 100, 200), (30, 60, 200)
"""Of neighbours by cosine: listeners added to the norms, and tracks kept of each; of content: tracks kept of each."""
LISTENER_TRACKS = (50, 400)
"""Of neighbours by cosine, beside today's: tracks of a listener that count."""
BM25_BS = (0.1, 0.3, 0.8)
"""Of neighbours by BM25: how far many plays of a track make each count less."""
LAMBDAS = (200.0, 1_000.0, 5_000.0)
"""Of neighbours by EASE, which take the inverse of a square of their tracks each: with one ``nearest`` alone."""
PLENTY = 100
"""Neighbours by BM25 and EASE that are kept of each track, where today's are fewer: both lose more by fewer."""
DEPTHS = (100, 300, 500)
"""Candidates that each component lists: what ensembles are compared with, and what trees may have beyond it."""


@dataclass(frozen=True)
class Today:
    """The settings that the configuration has now; each is tried, and stays what is not searched for."""

    recent: RecentConfig
    neighbours: NeighboursConfig
    content: ContentConfig


def parts_to_try(today: Today, material: Material) -> dict[str, list[Part]]:
    """Name of a component, or ``DISCOVERIES`` -> settings, today's first. Without dates there are no recent plays,
    without a catalogue there is no ``content``."""
    scales = [(each,) for each in HALF_LIVES] + list(PAIRS)
    recent = [today.recent, *(RecentConfig(half_life_days=each, counts=counts) for counts in COUNTS for each in scales)]
    similarities: list[Json] = [
        {"similarity": "cosine", "shrinkage": each, "nearest": nearest} for each in SHRINKAGES for nearest in NEAREST
    ]
    plenty = max(today.neighbours.nearest, PLENTY)
    similarities += [{"similarity": "bm25", "bm25_b": each, "nearest": plenty} for each in BM25_BS]
    similarities += [{"similarity": "cosine", "listener_tracks": each} for each in LISTENER_TRACKS]
    similarities += [{"similarity": "ease", "ease_regularization": each, "nearest": plenty} for each in LAMBDAS]
    tried: dict[str, list[Part]] = {
        "recent": [part for part in recent if part.counts == "listeners"],
        DISCOVERIES: [part for part in recent if part.counts == "discoveries"],
        "neighbours": [today.neighbours, *(today.neighbours.model_copy(update=each) for each in similarities)],
        "content": [today.content, *(today.content.model_copy(update={"nearest": nearest}) for nearest in ALIKE)],
    }
    undated = not material.recent
    absent = {"recent": undated, DISCOVERIES: undated, "content": material.catalogue is None}
    return {
        name: [part for n, part in enumerate(parts) if part not in parts[:n]]
        for name, parts in tried.items()
        if not absent.get(name)
    }


def component_of(name: str) -> str:
    """Which component settings of a name are of."""
    return "recent" if name == DISCOVERIES else name


def recents_to_try(today: Today) -> tuple[Recent, ...]:
    """All recent plays that ``parts_to_try`` names."""
    half_lives = {*today.recent.half_life_days, *HALF_LIVES, *(each for pair in PAIRS for each in pair)}
    return tuple(Recent(each, counts) for counts in COUNTS for each in sorted(half_lives))


def depths_for(today: int, k: int) -> tuple[int, ...]:
    """Depths to try, rising; ensembles are compared with the first one, which is today's where that is less.

    None is less than k: a release asks each component for as many candidates as its lists are long, at the least.
    """
    return tuple(sorted({max(k, depth) for depth in (today, *DEPTHS)}))


def fitted(part: Part, sample: Sample) -> dict[str, Retriever]:
    """The components of a setting by their names: two for two half-lives, else one."""
    if isinstance(part, RecentConfig):
        return {each.label: sample.recent[each] for each in recents_of(part)}
    if isinstance(part, NeighboursConfig):
        return {"neighbours": NearestTracks(part).fit(sample.data).component}
    return {"content": Content(part, "", sample.day).fit(sample.data).component}
