"""What goes in and out as JSON. Ids go out as text: a number beyond 2^53 would be another one in JavaScript."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict  # pydantic asks for it before Python 3.12

from recsys_tasks.products.filters import FeatureRange, Filters

IdText = Annotated[str, StringConstraints(max_length=512)]
AnyId = int | IdText
"""An id in a body: a number or a text, as the source has it."""
Basis = Literal["listener", "history", "popular"]
"""What a list was made from."""
RANGE = r"^[a-z][a-z0-9_]*:(-?[0-9]+(\.[0-9]+)?)?:(-?[0-9]+(\.[0-9]+)?)?$"


class Named(TypedDict):
    """A track by its names."""

    track_id: str
    title: str | None
    artist: str | None


class Place(Named):
    """One place of a list."""

    score: float
    because: Named | None
    """The track that explains it best, among those that the list was made from."""


if TYPE_CHECKING:  # an answer holds its tracks as finished JSON (``names``); the description shows what is in it
    Places: TypeAlias = msgspec.Raw
    NamedTracks: TypeAlias = msgspec.Raw
else:
    Places: TypeAlias = list[Place]
    NamedTracks: TypeAlias = list[Named]


@dataclass(frozen=True, slots=True)
class RelatedArtist:
    """One place of a list of artists."""

    artist_id: str
    artist: str | None
    score: float


@dataclass(frozen=True, slots=True)
class ListenerTracks:
    """The list of one listener."""

    listener_id: str
    known: bool
    """Whether the release knows this listener."""
    basis: Basis
    tracks: Places


@dataclass(frozen=True, slots=True)
class ListenerAnswer:
    """The list of one listener, from one release."""

    release: int
    day: date
    """Newest date of the release's data."""
    listener_id: str
    known: bool
    basis: Basis
    tracks: Places


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The lists of several listeners, in the order in which they were named, from one release."""

    release: int
    day: date
    lists: list[ListenerTracks]


@dataclass(frozen=True, slots=True)
class TracksAnswer:
    """A list of tracks, from one release."""

    release: int
    day: date
    tracks: Places
    unknown: int
    """Tracks that were named and that the release does not know."""


@dataclass(frozen=True, slots=True)
class RadioAnswer:
    """The next tracks of a radio, from one release."""

    release: int
    day: date
    tracks: NamedTracks
    skip: int
    """What to ask for to hear on."""


@dataclass(frozen=True, slots=True)
class ArtistsAnswer:
    """A list of artists, from one release."""

    release: int
    day: date
    artists: list[RelatedArtist]


class Wanted(BaseModel):
    """What a list shall hold. Any other name is refused: a filter that is misspelt would filter nothing."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    k: int | None = Field(default=None, ge=1)
    """Length of the list."""
    available: bool = True
    """Without tracks that nobody may play."""
    kind: list[IdText] = Field(default_factory=list, max_length=20)
    """Of these kinds only."""
    explicit: bool | None = None
    """false: without explicit tracks; true: these alone."""
    feature: list[Annotated[str, StringConstraints(max_length=200, pattern=RANGE)]] = Field(
        default_factory=list, max_length=10, examples=[["tempo:160:180"]]
    )
    """Ranges of features, NAME:LOW:HIGH; a bound may be left out."""
    released_after: date | None = None
    """Released after this date."""
    country: Annotated[str, StringConstraints(max_length=64)] = ""
    """Where the listener is."""

    @cached_property
    def filters(self) -> Filters:
        """The same as the library says it."""
        ranges = tuple(_range(text) for text in self.feature)
        return Filters(self.available, tuple(self.kind), self.explicit, ranges, self.released_after, self.country)


class DiscoverWanted(Wanted):
    """Tracks that a listener has not played, perhaps for an hour of the day."""

    hour: int | None = Field(default=None, ge=0, le=23)
    """Hour on the listener's clock; the list is made for it, where a delivery says when tracks are played."""


class PopularWanted(Wanted):
    """Popular tracks, overall or among some listeners."""

    segment: IdText = ""
    """Among the listeners of this segment, as the deliveries of the release name it; empty: among all."""


class Radio(Wanted):
    """A radio: the same seeds, day and number give the same tracks as long as the release is live."""

    track: list[IdText] = Field(default_factory=list, examples=[["20876"]])
    """Tracks to begin with."""
    artist: list[IdText] = Field(default_factory=list)
    """Artists to begin with; at least one track or artist is named."""
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    """Number of the radio: another one, other tracks."""
    on: date | None = None
    """Day of the broadcast; by default the day after the release's data."""
    skip: int = Field(default=0, ge=0, le=2_000)
    """Tracks that were heard before: a radio has no end."""


class ArtistsWanted(BaseModel):
    """How many artists are wanted."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    k: int | None = Field(default=None, ge=1)
    """Length of the list."""


class HistoryBody(Wanted):
    """A listener whom the release may not know yet, by what they have played."""

    history: list[AnyId] = Field(min_length=1, examples=[[20876, 15374]])
    """Tracks that the listener played. Whoever is known to the release gets a list from what it knows instead."""


class BatchBody(Wanted):
    """Several listeners at once."""

    listeners: list[AnyId] = Field(min_length=1, examples=[[1418, 5]])
    """Their ids."""


class DiscoverBatchBody(DiscoverWanted, BatchBody):
    """Several listeners at once, all for the same hour."""


class PlaylistBody(Wanted):
    """A list of tracks that is to be continued."""

    tracks: list[AnyId] = Field(min_length=1, examples=[[20876, 15374]])
    """Its tracks."""


def _range(text: str) -> FeatureRange:
    name, low, high = text.split(":")
    return FeatureRange(name, float(low or "-inf"), float(high or "inf"))
