"""The components that the configuration names beside ALS: what each is made from, and what makes it.

Their keys name neither a parent nor a moment, and nothing of ALS but the plays that it is trained on: so everybody
finds them by the key of its model, and they can be trained before there is one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa

from recsys_tasks.core.domain import Day, Vocabulary, day_number
from recsys_tasks.core.errors import NotStored
from recsys_tasks.matrix.items import items_of
from recsys_tasks.recommenders.content import Content
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.recent import Recent, recents_of
from recsys_tasks.source.catalogue import catalogue_rule
from recsys_tasks.steps.workplace import Workplace


@dataclass(frozen=True)
class Beside:
    """A component beside ALS: what it is made from, and what makes it."""

    key: ModelKey
    recommender: Recent | NearestTracks | Content

    @property
    def label(self) -> str:
        """Its name, that of recent plays with their half-life."""
        return self.recommender.label if isinstance(self.recommender, Recent) else self.recommender.name


def beside_als(at: Workplace, als: ModelKey) -> list[Beside]:
    """The components of the blend beside ALS, in the order of the configuration. None has a parent.

    Args:
        at: store and configuration.
        als: key of the model of ALS.
    """
    if len(at.config.blend.components) == 1:
        return []
    return [_beside(als, each) for each in _recommenders(at, als.day)]


def content_beside(at: Workplace, als: ModelKey) -> Beside:
    """The similar tracks by content, whether they are part of the blend or not. als: key of its model."""
    return _beside(als, _content(at, als.day))


def snapshot_of(at: Workplace, day: Day) -> str | None:
    """Digest of the day's catalogue snapshot; None where there is no catalogue.

    Raises:
        NotStored: there is a catalogue, and no snapshot of it was taken for the day.
    """
    if at.config.catalogue is None:
        return None
    found = at.catalogues.find(day, catalogue_rule(at.config.catalogue))
    if found is None:
        raise NotStored(f"No snapshot of the catalogue was taken for {day}. Run extract_streams for it.")
    return found


def catalogue_of(at: Workplace, day: Day) -> pa.Table | None:
    """The catalogue as it was on a day; None where there is none.

    Raises:
        NotStored: there is a catalogue, and no snapshot of it was taken for the day.
        CorruptArtefact: it differs from its manifest.
    """
    snapshot = snapshot_of(at, day)
    return None if snapshot is None else at.catalogues.load(day, snapshot)


def items_for(at: Workplace, day: Day, tracks: Vocabulary, catalogue: Callable[[], pa.Table | None]) -> Vocabulary:
    """The items of a candidate that is made now: the matrix's tracks, and those without a play if these are asked for.

    Args:
        at: store and configuration.
        day: newest date of the matrix.
        tracks: of the matrix.
        catalogue: gives that of the day; it is asked if tracks without a play are.
    """
    return items_of(tracks, catalogue(), day) if at.config.content.cold_tracks else tracks


def names_of(beside: Sequence[Beside]) -> tuple[str, ...]:
    """Names of the components of a blend, ALS first."""
    return ("als", *(each.recommender.name for each in beside))


def labels_of(beside: Sequence[Beside]) -> list[str]:
    """The same, those of recent plays with their half-life."""
    return ["als", *(each.label for each in beside)]


def _recommenders(at: Workplace, day: Day) -> Iterator[Recent | NearestTracks | Content]:
    for name in at.config.blend.components[1:]:
        if name == "recent":
            yield from recents_of(at.config.recent)
        elif name == "neighbours":
            yield NearestTracks(at.config.neighbours, at.config.als.threads, _renewed(at, day))
        else:
            yield _content(at, day)


def _renewed(at: Workplace, day: Day) -> Day | None:
    """The newest date of renewal of the neighbours up to a day; None where they are built anew each day."""
    every = at.config.neighbours.renewed_every_days
    return day - timedelta(days=day_number(day) % every) if every > 1 else None


def _content(at: Workplace, day: Day) -> Content:
    return Content(at.config.content, str(snapshot_of(at, day)), day, at.config.als.threads)


def _beside(als: ModelKey, recommender: Recent | NearestTracks | Content) -> Beside:
    key = ModelKey(als.day, als.matrix, als.split, recommender.name, parent=None, **recommender.identity())
    return Beside(key, recommender)
