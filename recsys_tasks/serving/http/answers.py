"""The answers of one open release: ids in, JSON shapes out. Everything an answer needs is taken from this release."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import lru_cache, partial
from itertools import islice
from typing import TypeAlias

import numpy as np

from recsys_tasks.core.domain import BoolArray, Id, IntArray
from recsys_tasks.core.errors import ConfigError, UnknownId
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.products.filters import Filters
from recsys_tasks.products.lists import Lists, TrackLists
from recsys_tasks.products.new_releases import new_tracks
from recsys_tasks.products.products import Products
from recsys_tasks.products.radio import Seeds
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.serving.delivered import Delivered
from recsys_tasks.serving.http.ids import IdIndex
from recsys_tasks.serving.http.names import NOTHING, Listed, Names, listed
from recsys_tasks.serving.http.related import Related
from recsys_tasks.serving.http.shapes import (
    ArtistsAnswer,
    ArtistsWanted,
    Basis,
    HistoryBody,
    ListenerTracks,
    PlaylistBody,
    Radio,
    RadioAnswer,
    RelatedArtist,
    TracksAnswer,
    Wanted,
)

Product: TypeAlias = Callable[[IntArray, int, BoolArray | None], Lists]
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
        self._added = added
        self.release, self.day, self._products, self._bounds = release, products.day, products, bounds
        self._listeners, self._artists = IdIndex(bundle.users.ids, bundle.users.order), IdIndex(products.artists.ids)
        self._tracks = IdIndex(bundle.gated.tracks.ids)
        self._names = Names(bundle.gated.tracks.ids, bundle.names.table)
        self._allowed = lru_cache(FILTERS_KEPT)(partial(_allowed, products, self.on))
        self.artists = Related(products, added.related)
        self._warm()

    @property
    def on(self) -> date:
        """The day of the lists, the one after the newest data: a release answers alike as long as it is live."""
        return self.day + timedelta(days=1)

    def discover(self, listener_ids: Sequence[Id], wanted: Wanted) -> list[ListenerTracks]:
        """Tracks that each listener has not played; the popular ones for a listener whom the release does not know."""
        return self._each(self._discovered, listener_ids, *self._how(wanted))

    def new_releases(self, listener_ids: Sequence[Id], wanted: Wanted) -> list[ListenerTracks]:
        """As ``discover``, of the tracks that are new."""
        return self._each(self._products.discover, listener_ids, *self._how(wanted, new=True))

    def mix(self, listener_ids: Sequence[Id], wanted: Wanted) -> list[ListenerTracks]:
        """What each listener plays of late, and what they have not heard; the popular tracks for an unknown one."""
        return self._each(self._mixed, listener_ids, *self._how(wanted))

    def on_repeat(self, listener_ids: Sequence[Id], wanted: Wanted) -> list[ListenerTracks]:
        """What each listener plays most of late; nothing for an unknown one."""
        return self._each(self._products.on_repeat, listener_ids, *self._how(wanted), popular=False)

    def for_history(self, listener_id: Id, wanted: HistoryBody) -> ListenerTracks:
        """As ``discover``; the list of a listener whom the release does not know is made from a history."""
        cols, _ = self._cols(wanted.history)
        if self._listeners.row(listener_id) is not None or not cols:
            (found,) = self.discover([listener_id], wanted)
            return found
        found_here = self._products.for_history([np.array(cols)], *self._how(wanted))
        return ListenerTracks(str(listener_id), False, "history", self._names.places(listed(found_here)))

    def popular(self, wanted: Wanted) -> TracksAnswer:
        """The tracks that most are listening to."""
        return self._tracks_answer(self._products.popular(*self._how(wanted)))

    def similar(self, track_id: Id, wanted: Wanted) -> TracksAnswer:
        """Tracks like a track.

        Raises:
            UnknownId: the release does not know it, or nothing that is allowed is like it.
        """
        found = self._products.similar(np.array([self._col(track_id)]), *self._how(wanted))
        if not (found.cols >= 0).any():
            raise UnknownId(f"Nothing that is allowed is like track {track_id!r}, or it has no plays to learn from.")
        return self._tracks_answer(found)

    def continued(self, wanted: PlaylistBody) -> TracksAnswer:
        """Tracks that go on with a playlist.

        Raises:
            UnknownId: the release knows none of its tracks.
        """
        cols, unknown = self._cols(wanted.tracks)
        if not cols:
            raise UnknownId(f"Release {self.release} knows none of these {unknown:,} tracks.")
        return self._tracks_answer(self._products.continue_playlist([np.array(cols)], *self._how(wanted)), unknown)

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
        tracks = self._products.radio(seeds, wanted.on or self.on, wanted.seed, allowed)
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
        self.discover(some, wanted)
        self._products.popular(1, self._allowed(Filters(), False))
        self._products.for_history([np.zeros(1, np.int64)], 1)

    def _discovered(self, rows: IntArray, k: int, allowed: BoolArray | None) -> Lists:
        return self._products.discover(rows, k, allowed, self._shown(rows))

    def _mixed(self, rows: IntArray, k: int, allowed: BoolArray | None) -> Lists:
        return self._products.daily_mix(rows, k, allowed, self._shown(rows), self.on)

    def _shown(self, rows: IntArray) -> Played | None:
        return self._added.shown.rows(rows) if self._added.shown else None

    def _each(
        self,
        product: Product,
        listener_ids: Sequence[Id],
        k: int,
        allowed: BoolArray | None,
        popular: bool = True,
    ) -> list[ListenerTracks]:
        """The list of each listener; for one whom the release does not know the popular tracks, or none."""
        rows = [self._listeners.row(listener_id) for listener_id in listener_ids]
        found = product(np.array([row for row in rows if row is not None], np.int64), k, allowed)
        known, made = iter(range(len(found.cols))), list[tuple[Basis, Listed]]()
        unknown = listed(self._products.popular(k, allowed)) if popular and None in rows else NOTHING
        for row in rows:
            place = None if row is None else next(known)
            by_rule = place is None or found.popular[place]
            made.append(("popular" if by_rule else "listener", unknown if place is None else listed(found, place)))
        places = self._names.places_of([each for _, each in made])
        return [
            ListenerTracks(str(listener_id), row is not None, basis, tracks)
            for listener_id, row, (basis, _), tracks in zip(listener_ids, rows, made, places, strict=True)
        ]

    def _tracks_answer(self, found: TrackLists, unknown: int = 0) -> TracksAnswer:
        return TracksAnswer(self.release, self.day, self._names.places(listed(found)), unknown)

    def _how(self, wanted: Wanted, new: bool = False) -> tuple[int, BoolArray | None]:
        """Length of the lists, and the tracks to choose from.

        Raises:
            ConfigError: the list is too long, or the release does not know what a filter asks for.
        """
        return self._length(wanted.k), self._allowed(wanted.filters(), new)

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
        (track,) = self._names.of(self._products.artists.cols(artist)[:1].tolist())
        return str(self._products.artists.ids[artist].as_py()), track["artist"]


def _allowed(products: Products, on: date, filters: Filters, new: bool) -> BoolArray | None:
    """Which tracks are allowed; None: all, which the search is faster with. A method would keep a release that was
    switched from in memory, in a circle."""
    found = products.allowed(filters, on)
    if new:
        found = found & new_tracks(products.view, on, products.settings.new_release_days)
    return None if found.all() else found
