"""Every product of a release, for one listener or for all of them."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import BoolArray, Day, FloatArray, Id, IntArray
from recsys_tasks.core.errors import BadData, UnknownId
from recsys_tasks.core.formatting import count
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.artists import Artists
from recsys_tasks.products.exploration import Explorer, Showings
from recsys_tasks.products.filters import Filters
from recsys_tasks.products.histories import continued, for_histories
from recsys_tasks.products.hours import Counts
from recsys_tasks.products.listeners import best_tracks
from recsys_tasks.products.lists import ArtistLists, Cols, Lists, Track, TrackLists, check_length, hidden_together
from recsys_tasks.products.naming import named_tracks
from recsys_tasks.products.nearest import nearest_tracks
from recsys_tasks.products.popular import popular_tracks
from recsys_tasks.products.radio import Seeds, radio
from recsys_tasks.products.related import RelatedArtists
from recsys_tasks.products.repeat import drawn_known, mixed, on_repeat
from recsys_tasks.products.similar import similar_tracks
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle, find_row, parse_id


class Products:
    """The products of one open release. Threads may share it; nothing of it changes.

    Where no tracks are named to choose from (``allowed``), it is all but those that the catalogue says nobody may play,
    or that are not out yet; where no day is named, it is the day of the lists, ``on``.
    """

    def __init__(
        self,
        opened: Bundle,
        settings: ProductsConfig | None = None,
        als: AlsConfig | None = None,
        never_again: pa.Table | None = None,
        showings: Showings | None = None,
        hours: Counts | None = None,
    ) -> None:
        """Nothing is computed yet: what products share is made when it is first needed.

        Args:
            opened: the release's bundle.
            settings: what the lists look like.
            als: how histories are folded in where the release does not say how it was trained.
            never_again: what listeners do not want again: user_id, track_id, artist_id (``Source.never_again``).
            showings: of each track, for places of exploration; None: nobody knows.
            hours: (n_tracks, 24) plays of each track by hour (``hour_counts``); None: nobody knows.
        """
        self._showings = showings
        self.view = ReleaseView(opened, settings or ProductsConfig(), als or AlsConfig(), never_again, hours)

    @property
    def settings(self) -> ProductsConfig:
        """What the lists look like."""
        return self.view.settings

    @property
    def day(self) -> Day:
        """Newest date of the release's data."""
        return self.view.bundle.gated.key.day

    @property
    def on(self) -> Day:
        """The day of its lists, the one after the newest data."""
        return self.view.on

    @property
    def artists(self) -> Artists:
        """The artists of its tracks."""
        return self.view.artists

    def row(self, user_id: Id) -> int | None:
        """Row of a listener; None for one whom the release does not know.

        Raises:
            UnknownId: it is no id of this service.
        """
        users = self.view.bundle.users
        return find_row(users.ids, users.order, parse_id(users.ids, user_id))

    def known_cols(self, track_ids: Sequence[Id]) -> IntArray:
        """Columns of those of some tracks that the release knows.

        Raises:
            UnknownId: it knows none of them, or one is no id of this service.
        """
        ids = self.view.bundle.gated.tracks.ids
        wanted = pa.array([parse_id(ids, each) for each in track_ids], ids.type)
        cols = self.view.bundle.gated.tracks.rows_of(wanted)
        if not (cols >= 0).any():
            one = len(track_ids) == 1
            named = f"no track {track_ids[0]!r}" if one else f"none of these {count(len(track_ids))} tracks"
            raise UnknownId(f"The release knows {named}.")
        return np.asarray(cols[cols >= 0])

    def allowed(self, filters: Filters, on: date | None = None) -> BoolArray:
        """Which tracks may be listed under some filters. (n_tracks,); worth keeping by the caller.

        Raises:
            ConfigError: the release does not know what a filter asks for.
        """
        return filters.allowed(self.view.bundle, on or self.on, self.settings)

    def new_tracks(self, allowed: BoolArray | None = None, day: date | None = None) -> BoolArray:
        """Which of some tracks are new on a day. (n_tracks,); arguments as for ``new_releases``."""
        new, open_ = self.view.new(day or self.on), self._open(allowed)
        return new if open_ is None else new & open_

    def plain(self, user_rows: IntArray, k: int | None = None, allowed: BoolArray | None = None) -> Lists:
        """The best tracks as the evaluation judges them: of any artist, however alike, without reasons."""
        rows = np.asarray(user_rows)
        hidden, length = self._hidden(rows, None), self._length(k)
        return best_tracks(self.view, rows, hidden, length, self._open(allowed), plain=True)

    def discover(
        self,
        user_rows: IntArray,
        k: int | None = None,
        allowed: BoolArray | None = None,
        shown: Played | None = None,
        hour: int | None = None,
    ) -> Lists:
        """Tracks that each listener has not played, at most so many of an artist, diverse as the settings say.

        Args:
            user_rows: (n_users,) rows of the listeners.
            k: length of the lists; None: that of the settings.
            allowed: (n_tracks,) tracks to choose from; None: all that may be played.
            shown: of the same listeners, further tracks that are not to be listed.
            hour: of the day on the listener's clock, 0 to 23, for which the lists are made; None: for no hour.

        Raises:
            BadData: shapes do not fit.
            ConfigError: k is not positive; or an hour is asked for, and nobody knows when the tracks are played.
        """
        lists, length = self._ranked(user_rows, k, allowed, shown, hour), self._length(k)
        n_places = round(length * self.settings.exploration_share)
        if not n_places:
            return lists
        return self._explorer.explored(lists, self._hidden(lists.user_rows, shown), n_places, self._open(allowed))

    def on_repeat(self, user_rows: IntArray, k: int | None = None, allowed: BoolArray | None = None) -> Lists:
        """The tracks that each listener is likeliest to play again, with that chance, where the release knows it.

        Elsewhere those that they play most of late; a score is then the number of their faded plays.

        Raises:
            ConfigError: the release holds no such plays, or k is not positive.
        """
        return on_repeat(self.view, np.asarray(user_rows), self._length(k), self._open(allowed))

    def daily_mix(
        self,
        user_rows: IntArray,
        k: int | None = None,
        allowed: BoolArray | None = None,
        shown: Played | None = None,
        day: date | None = None,
    ) -> Lists:
        """What a listener plays of late and what is new to them, in the ratio of the settings; known tracks score 0.

        Args:
            user_rows: (n_users,) rows of the listeners.
            k: length of the lists; None: that of the settings.
            allowed: (n_tracks,) tracks to choose from; None: all that may be played.
            shown: of the same listeners, new tracks that are not to be listed.
            day: of the mix, another one each day.

        Raises:
            ConfigError: the release holds no listener's own plays, or k is not positive.
        """
        rows, length = np.asarray(user_rows), self._length(k)
        known = drawn_known(self.view, rows, length, day or self.on, self._open(allowed))
        return mixed(known, self._ranked(rows, length, allowed, shown), length, self.settings.known_share)

    def new_releases(
        self, user_rows: IntArray, k: int | None = None, allowed: BoolArray | None = None, day: date | None = None
    ) -> Lists:
        """The newest tracks that suit each listener; ``day``: on which they are new."""
        return self._ranked(user_rows, k, self.new_tracks(allowed, day), shown=None)

    def popular(
        self, k: int | None = None, allowed: BoolArray | None = None, segment: IntArray | None = None
    ) -> TrackLists:
        """One list: the tracks that most are listening to, overall or among some listeners.

        Args:
            k: length of the list; None: that of the settings.
            allowed: (n_tracks,) tracks to choose from; None: all.
            segment: (n,) rows of the listeners who count; None: all.
        """
        return popular_tracks(self.view, self._length(k), self._open(allowed), segment)

    def similar(self, cols: IntArray, k: int | None = None, allowed: BoolArray | None = None) -> TrackLists:
        """The tracks whose factors point most nearly the same way as those of each of some tracks, with the cosine."""
        return similar_tracks(self.view, np.asarray(cols), self._length(k), self._open(allowed))

    def nearest(self, cols: IntArray) -> TrackLists:
        """As ``similar``, exactly and for many tracks: looks at all of them, in a quarter of the time for each."""
        return nearest_tracks(self.view, np.asarray(cols), self._length(None), self._open(None))

    def radio(self, seeds: Seeds, day: date, seed: int = 0, allowed: BoolArray | None = None) -> Iterator[int]:
        """Columns of tracks without an end, near to the seeds; the same seeds, day and number give the same tracks.

        Raises:
            UnknownId: nobody plays any of the seeds.
        """
        return radio(self.view, seeds, day, seed, self._open(allowed))

    def related_artists(self, artists: IntArray, k: int | None = None) -> ArtistLists:
        """The artists that are most like each of some artists (numbers of ``artists``).

        Raises:
            ConfigError: k is not positive, or the tags that the settings name are not there.
        """
        return self._related.near(np.asarray(artists), self._length(k))

    def continue_playlist(
        self, playlists: Sequence[IntArray], k: int | None = None, allowed: BoolArray | None = None
    ) -> TrackLists:
        """Tracks that go on with each of some playlists (track columns), without those that stand on it.

        Raises:
            BadData: a column lies outside of the tracks.
        """
        return continued(self.view, playlists, self._length(k), self._open(allowed))

    def for_history(
        self, histories: Sequence[IntArray], k: int | None = None, allowed: BoolArray | None = None
    ) -> TrackLists:
        """Discover for listeners whom the release does not know: each is a history, track columns in any order.

        Raises:
            BadData: a column lies outside of the tracks.
        """
        return for_histories(self.view, histories, self._length(k), self._open(allowed))

    @cached_property
    def _explorer(self) -> Explorer:
        return Explorer(self.view, self.view.new(self.on), self._showings or Showings.none(self.view.n_tracks))

    @cached_property
    def _related(self) -> RelatedArtists:
        return RelatedArtists(self.view)

    def named(self, cols: Cols, scores: FloatArray, reasons: Cols | None = None) -> tuple[Track, ...]:
        """One list in the words of the source, without the places that hold nothing. (k,) each."""
        return named_tracks(self.view.bundle, cols, scores, reasons)

    def _ranked(
        self,
        user_rows: IntArray,
        k: int | None,
        allowed: BoolArray | None,
        shown: Played | None,
        hour: int | None = None,
    ) -> Lists:
        """Lists without places for exploration."""
        rows = np.asarray(user_rows)
        return best_tracks(self.view, rows, self._hidden(rows, shown), self._length(k), self._open(allowed), hour=hour)

    def _open(self, allowed: BoolArray | None) -> BoolArray | None:
        """The tracks to choose from: whoever names some has said enough."""
        return self.view.playable if allowed is None else allowed

    def _length(self, k: int | None) -> int:
        length = self.settings.k if k is None else k
        check_length(length)
        return length

    def _hidden(self, user_rows: IntArray, shown: Played | None) -> Played:
        if shown is not None and len(shown.indptr) != len(user_rows) + 1:
            raise BadData(f"Shown tracks of {len(shown.indptr) - 1} listeners do not fit {len(user_rows)} rows.")
        marked = None if self.view.unwanted is None else self.view.unwanted.rows(user_rows)
        parts = [self.view.played.rows(user_rows), *(part for part in (shown, marked) if part is not None)]
        return hidden_together(parts, self.view.n_tracks)
