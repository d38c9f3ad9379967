"""The answers of one open release: ids in, JSON shapes out. Everything an answer needs is taken from this release."""

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import TypeAlias

import numpy as np

from recsys_tasks.core.domain import BoolArray, Id
from recsys_tasks.core.errors import ConfigError, UnknownId
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.products.filters import Filters
from recsys_tasks.products.lists import Listed
from recsys_tasks.products.products import Products
from recsys_tasks.products.radio import Seeds
from recsys_tasks.serving.asked import OfListener, for_strangers, lists_of, tracks_like
from recsys_tasks.serving.delivered import Delivered
from recsys_tasks.serving.http.ids import IdIndex
from recsys_tasks.serving.http.kept import PLAIN, Kept
from recsys_tasks.serving.http.names import NOTHING, Names, listed
from recsys_tasks.serving.http.related import Related
from recsys_tasks.serving.http.shapes import (
    ArtistsAnswer,
    ArtistsWanted,
    Basis,
    DiscoverWanted,
    HistoryBody,
    ListenerTracks,
    PlaylistBody,
    PopularWanted,
    Radio,
    RadioAnswer,
    RelatedArtist,
    TracksAnswer,
    Wanted,
)
from recsys_tasks.serving.segments import popular_among

Based: TypeAlias = tuple[Basis, Listed]
"""A list, and what it was made from."""
FILTERS_KEPT = 32
"""Sets of allowed tracks that are kept, a byte for each track: few filters are asked for again and again."""


class Answers:
    """What a release answers. One thread asks it; another one may ``prepare`` its artists."""

    def __init__(self, release: int, products: Products, bounds: ServeConfig, added: Delivered) -> None:
        """Make ready whatever many answers share, so that the first of them waits for nothing.

        Args:
            release: its number.
            products: of the open release.
            bounds: what may be asked for at a time.
            added: what deliveries say of the release.
        """
        bundle = products.view.bundle
        self._shown, self._segments = added.shown, added.segments
        self.release, self.day, self._products, self._bounds = release, products.day, products, bounds
        self._listeners, self._artists = IdIndex(bundle.users.ids, bundle.users.order), IdIndex(products.artists.ids)
        self._tracks = IdIndex(bundle.gated.tracks.ids)
        self._names = Names(bundle.gated.tracks.ids, bundle.names.table)
        self._allowed = lru_cache(FILTERS_KEPT)(partial(_allowed, products))
        self.artists = Related(products, added.related)
        self._delivered = Kept(products, added.lists, self._allowed)
        self._warm()

    def of_listeners(self, which: OfListener, listener_ids: Sequence[Id], wanted: Wanted) -> list[ListenerTracks]:
        """A list of each listener: the delivered one where that is what is asked for, or else made now.

        For one whom the release does not know, the popular tracks; nothing is on repeat with them.
        """
        rows, k, allowed = [self._listeners.row(each) for each in listener_ids], *self._how(wanted)
        kept = {row: self._kept(which, row, k, wanted) for row in rows if row is not None}
        missing = [row for row in dict.fromkeys(rows) if row is not None and kept[row] is None]
        made = self._made(which, missing, k, allowed, _hour(wanted))
        strange = for_strangers(self._products, which, k, allowed) if None in rows else None
        unknown: Based = ("popular", NOTHING if strange is None else listed(strange))
        found = [unknown if row is None else kept[row] or made[row] for row in rows]
        return [
            ListenerTracks(str(each), row is not None, basis, self._names.places(tracks))
            for each, row, (basis, tracks) in zip(listener_ids, rows, found, strict=True)
        ]

    def delivered_to(self, which: OfListener, listener_id: Id, wanted: Wanted) -> ListenerTracks | None:
        """The delivered list of a listener, in some microseconds; None where it has to be made."""
        row = self._listeners.row(listener_id)
        found = None if row is None else self._kept(which, row, self._length(wanted.k), wanted)
        return found and ListenerTracks(str(listener_id), True, found[0], self._names.places(found[1]))

    def for_history(self, listener_id: Id, wanted: HistoryBody) -> ListenerTracks:
        """Discover; the list of a listener whom the release does not know is made from a history."""
        cols, _ = self._cols(wanted.history)
        if self._listeners.row(listener_id) is not None or not cols:
            (found,) = self.of_listeners("discover", [listener_id], wanted)
            return found
        found_here = self._products.for_history([np.array(cols)], *self._how(wanted))
        return ListenerTracks(str(listener_id), False, "history", self._names.places(listed(found_here)))

    def popular(self, wanted: PopularWanted) -> TracksAnswer:
        """The tracks that most are listening to, of all or of a segment.

        Raises:
            UnknownId: nothing was delivered to this segment.
        """
        if not wanted.segment:
            return self._tracks_answer(listed(self._products.popular(*self._how(wanted))))
        return self._tracks_answer(
            listed(popular_among(self._segments, wanted.segment, self.release, *self._how(wanted)))
        )

    def similar(self, track_id: Id, wanted: Wanted) -> TracksAnswer:
        """Tracks like a track.

        Raises:
            UnknownId: the release does not know it, or nothing that is allowed is like it.
        """
        if (delivered := self.delivered_like(track_id, wanted)) is not None:
            return delivered
        found = tracks_like(self._products, self._col(track_id), track_id, *self._how(wanted))
        return self._tracks_answer(listed(found))

    def delivered_like(self, track_id: Id, wanted: Wanted) -> TracksAnswer | None:
        """The delivered tracks like a track, in some microseconds; None where they have to be looked for.

        Raises:
            UnknownId: the release does not know the track.
        """
        found = self._delivered.like(self._col(track_id), self._length(wanted.k), wanted.filters)
        return found and self._tracks_answer(found)

    def continued(self, wanted: PlaylistBody) -> TracksAnswer:
        """Tracks that go on with a playlist.

        Raises:
            UnknownId: the release knows none of its tracks.
        """
        cols, unknown = self._cols(wanted.tracks)
        if not cols:
            raise UnknownId(f"Release {self.release} knows none of these {unknown:,} tracks.")
        found = self._products.continue_playlist([np.array(cols)], *self._how(wanted))
        return self._tracks_answer(listed(found), unknown)

    def radio(self, wanted: Radio) -> RadioAnswer:
        """The next tracks of a radio.

        Raises:
            UnknownId: a seed is not known, or nothing is near to any of them.
            ConfigError: no seed is named, or too many.
        """
        self._check_number(len(wanted.track) + len(wanted.artist), "seeds")
        cols, artists = [self._col(each) for each in wanted.track], [self._artist(each) for each in wanted.artist]
        k, allowed = self._how(wanted)
        seeds = Seeds(tuple(cols), tuple(artists))
        tracks = self._products.radio(seeds, wanted.on or self._products.on, wanted.seed, allowed)
        found = list(islice(tracks, wanted.skip, wanted.skip + k))
        return RadioAnswer(self.release, self.day, self._names.of(found), wanted.skip + len(found))

    def related(self, artist_id: Id, wanted: ArtistsWanted) -> ArtistsAnswer:
        """Artists like an artist.

        Raises:
            UnknownId: the release does not know it.
            Problem: what this needs is being made: come again.
        """
        found = self.artists.of(self._artist(artist_id), self._length(wanted.k))
        there = found.artists[0] >= 0
        pairs = zip(found.artists[0, there].tolist(), np.round(found.scores[0, there].astype(float), 6), strict=True)
        named = [RelatedArtist(*self._artist_named(artist), float(score)) for artist, score in pairs]
        return ArtistsAnswer(self.release, self.day, named)

    def _warm(self) -> None:
        """Ask one question of each kind."""
        some = [self._products.view.bundle.users.ids[0].as_py()] if len(self._products.view.bundle.users.ids) else []
        wanted = Wanted(k=1)
        allowed = self._allowed(PLAIN)
        rows = np.zeros(len(some), np.int64)
        lists_of(self._products, "discover", rows, 1, allowed)
        self.of_listeners("discover", some, wanted)
        self._products.popular(1, allowed)
        self._products.for_history([np.zeros(1, np.int64)], 1)

    def _made(
        self, which: OfListener, rows: list[int], k: int, allowed: BoolArray | None, hour: int | None
    ) -> dict[int, Based]:
        """The lists of some listeners, by their rows."""
        if not rows:
            return {}
        asked = np.array(rows, np.int64)
        shown = self._shown.rows(asked) if self._shown else None
        found = lists_of(self._products, which, asked, k, allowed, shown=shown, hour=hour)
        return {row: (_basis(bool(found.popular[n])), listed(found, n)) for n, row in enumerate(rows)}

    def _kept(self, which: OfListener, row: int, k: int, wanted: Wanted) -> Based | None:
        """The delivered list of a listener; None where it has to be made."""
        found = None if _hour(wanted) is not None else self._delivered.of_listener(which, row, k, wanted.filters)
        return found and (_basis(not self._products.view.bundle.users.vectors[row].any()), found)

    def _tracks_answer(self, found: Listed, unknown: int = 0) -> TracksAnswer:
        return TracksAnswer(self.release, self.day, self._names.places(found), unknown)

    def _how(self, wanted: Wanted) -> tuple[int, BoolArray | None]:
        """Length of the lists, and the tracks to choose from.

        Raises:
            ConfigError: the list is too long, or the release does not know what a filter asks for.
        """
        return self._length(wanted.k), self._allowed(wanted.filters)

    def _length(self, k: int | None) -> int:
        found = min(self._products.settings.k, self._bounds.longest_list) if k is None else k
        if found > self._bounds.longest_list:
            raise ConfigError(f"A list has {self._bounds.longest_list:,} places at the most.")
        return found

    def _col(self, track_id: Id) -> int:
        col = self._tracks.row(track_id)
        if col is None:
            raise UnknownId(f"Release {self.release} knows no track {track_id!r}.")
        return col

    def _cols(self, track_ids: Sequence[Id]) -> tuple[list[int], int]:
        """Columns of the tracks that the release knows, each once, and how many it does not know.

        Raises:
            ConfigError: too many are named.
        """
        self._check_number(len(track_ids), "tracks")
        found = [self._tracks.row(track_id) for track_id in track_ids]
        known = list(dict.fromkeys(col for col in found if col is not None))
        return known, found.count(None)

    def _check_number(self, found: int, what: str) -> None:
        if not 1 <= found <= self._bounds.longest_history:
            raise ConfigError(
                f"{found:,} {what} are named. Name one or more, {self._bounds.longest_history:,} at most."
            )

    def _artist(self, artist_id: Id) -> int:
        number = self._artists.row(artist_id)
        if number is None:
            raise UnknownId(f"Release {self.release} knows no artist {artist_id!r}.")
        return number

    def _artist_named(self, artist: int) -> tuple[str, str | None]:
        first = int(self._products.artists.cols(artist)[0])
        return str(self._products.artists.ids[artist].as_py()), self._names.artist(first)


def _hour(wanted: Wanted) -> int | None:
    """The hour that a list is asked for; None: any."""
    return wanted.hour if isinstance(wanted, DiscoverWanted) else None


def _basis(popular: bool) -> Basis:
    return "popular" if popular else "listener"


def _allowed(products: Products, filters: Filters) -> BoolArray | None:
    """Which tracks are allowed; None: all, which the search is faster with. A method would keep a release that was
    switched from in memory, in a circle."""
    found = products.allowed(filters)
    return None if found.all() else found
