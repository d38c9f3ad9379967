"""An open release, and what is answered from it."""

from dataclasses import dataclass

from recsys_tasks.core.domain import Id
from recsys_tasks.products.lists import Track
from recsys_tasks.products.products import Products
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.release.log import Entry


@dataclass(frozen=True)
class Opened:
    """One open release; it is replaced as a whole, never changed."""

    entry: Entry
    bundle: Bundle
    products: Products


@dataclass(frozen=True)
class Answered:
    """A list, and the release that it comes from, whole."""

    release: int
    known: bool  # False: the release does not know this user, the list is the popular tracks
    tracks: tuple[Track, ...]
    like: Track | None = None  # the track that was asked about
    popular: bool = False  # these are the popular tracks; a score is a number of listeners, or of faded ones


@dataclass(frozen=True)
class Artist:
    """One place of a list of artists."""

    artist_id: Id
    name: str | None
    score: float


@dataclass(frozen=True)
class RelatedAnswer:
    """Artists like an artist, and the release that says so."""

    release: int
    like: Artist
    artists: tuple[Artist, ...]
