"""A candidate's components, joined as a release joins its own: what they are worth where nothing that joins them has
seen the day. Only components of the same kind and settings can be: what others taught says nothing of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import GatedPart
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.steps.workplace import Workplace

OF_A_DATE = ("catalogue", "renewed")
"""Parameters of a component that say of which date it is, and not how it is made."""


@dataclass(frozen=True)
class Components:
    """What a candidate joins."""

    at: Workplace
    key: CandidateKey
    retrievers: Sequence[Retriever]  # row i answers for the i-th hidden listener
    played: Played  # by row
    items: Vocabulary

    @property
    def are_joined(self) -> bool:
        """Whether there is more than one."""
        return len(self.retrievers) > 1

    def alike(self, release: GatedPart) -> Retriever | None:
        """They, or some of them, joined as a release joins its own; None where they cannot be, or nothing is joined."""
        if not self.are_joined or lacking(self.at, self.key, release.key):
            return None
        found = [self.retrievers[place] for place in _places(self.at, self.key, release.key) if place is not None]
        return release.joined_alike(found, self.played, release.tracks.rows_of(self.items.ids))


def lacking(at: Workplace, candidate: CandidateKey, release: CandidateKey) -> list[str]:
    """Names of the components that a release joins, and that a candidate which joins any has not, or made otherwise;
    each once."""
    if len(candidate.components) == 1:
        return []
    places = zip(release.blend.used, _places(at, candidate, release), strict=True)
    return list(dict.fromkeys(release.blend.names[wanted] for wanted, place in places if place is None))


def _places(at: Workplace, candidate: CandidateKey, release: CandidateKey) -> list[int | None]:
    """Of each component that a release joins, the place of the same one in a candidate; None where there is none."""
    if len(release.blend.used) == 1:  # it stands alone, whatever its settings: nothing was taught by them
        return [0]
    own = [(name, _settings(at, candidate, place)) for place, name in enumerate(candidate.blend.names)]
    places: list[int | None] = []
    for wanted in release.blend.used:
        name, settings = release.blend.names[wanted], _settings(at, release, wanted)
        same = (n for n, each in enumerate(own) if n not in places and each[0] == name and settings in (None, each[1]))
        places.append(next(same, None))
    return places


def _settings(at: Workplace, key: CandidateKey, place: int) -> Json | None:
    """How a component was made; None where its model is stored no more, and its name has to do."""
    if not at.models.holds(key.day, key.components[place]):
        return None
    found = at.models.key(key.day, key.components[place]).parameters
    return {name: value for name, value in found.items() if name not in OF_A_DATE}
