"""The answers of one open release: ids in, JSON shapes out. Everything an answer needs is taken from this release."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import BoolArray, Id
from recsys_tasks.core.errors import ConfigError, UnknownId
from recsys_tasks.core.serving import ServeConfig
from recsys_tasks.products.filters import Filters
from recsys_tasks.products.lists import Cols
from recsys_tasks.products.products import Products
from recsys_tasks.serving.http.ids import IdIndex
from recsys_tasks.serving.http.shapes import (
    Basis,
    ListenerTracks,
    Named,
    Place,
    TracksAnswer,
    Wanted,
)
from recsys_tasks.storage.stored_forms import as_ids

FILTERS_KEPT = 32
"""Sets of allowed tracks that are kept, a byte for each track: few filters are asked for again and again."""


class Answers:
    """What a release answers. One thread asks it."""

    def __init__(self, release: int, products: Products, bounds: ServeConfig) -> None:
        """Make ready whatever many answers share, so that the first of them waits for nothing.

        Args:
            release: its number.
            products: of the open release.
            bounds: what may be asked for at a time.
        """
        bundle = products.view.bundle
        self.release, self.day, self._products, self._bounds = release, products.day, products, bounds
        self._listeners = IdIndex(bundle.users.ids, bundle.users.order)
        self._tracks = IdIndex(bundle.gated.tracks.ids)
        self._names = _Names(bundle.gated.tracks.ids, bundle.names.table)
        self._allowed = lru_cache(FILTERS_KEPT)(self._not_kept)
        self._allowed(Filters())

    @property
    def on(self) -> date:
        """The day of the lists: that after the newest data, so that a release answers alike for as long as it is live."""
        return self.day + timedelta(days=1)

    def discover(self, listener_ids: Sequence[Id], wanted: Wanted) -> list[ListenerTracks]:
        """Tracks that each listener has not played; the popular ones for a listener whom the release does not know."""
        rows = [self._listeners.row(listener_id) for listener_id in listener_ids]
        found = self._products.discover(np.array([r for r in rows if r is not None], np.int64), *self._how(wanted))
        lists = iter([_Listed(c, s, r) for c, s, r in zip(found.cols, found.scores, found.reasons, strict=True)])
        popular = iter(found.popular.tolist())
        return [
            self._popular(listener_id, wanted)
            if row is None
            else self._of(listener_id, True, "popular" if next(popular) else "listener", next(lists))
            for listener_id, row in zip(listener_ids, rows, strict=True)
        ]

    def similar(self, track_id: Id, wanted: Wanted) -> TracksAnswer:
        """Tracks like a track.

        Raises:
            UnknownId: the release does not know it, or nobody has played it yet.
        """
        found = self._products.similar(np.array([self._col(track_id)]), *self._how(wanted))
        if not (found.cols >= 0).any():
            raise UnknownId(
                f"Track {track_id!r} has no plays to learn from yet, or no track that is allowed is like it."
            )
        return self._tracks_answer(_Listed(found.cols[0], found.scores[0], found.reasons[0]))

    def _popular(self, listener_id: Id, wanted: Wanted) -> ListenerTracks:
        found = self._products.popular(*self._how(wanted))
        return self._of(listener_id, False, "popular", _Listed(found.cols[0], found.scores[0], found.reasons[0]))

    def _of(self, listener_id: Id, known: bool, basis: Basis, listed: "_Listed") -> ListenerTracks:
        return ListenerTracks(str(listener_id), known, basis, self._names.places(listed))

    def _tracks_answer(self, listed: "_Listed", unknown: int = 0) -> TracksAnswer:
        return TracksAnswer(self.release, self.day, self._names.places(listed), unknown)

    def _how(self, wanted: Wanted) -> tuple[int, BoolArray | None]:
        """Length of the lists, and the tracks to choose from.

        Raises:
            ConfigError: the list is too long, or the release does not know what a filter asks for.
        """
        k = wanted.k or min(self._products.settings.k, self._bounds.longest_list)
        if k > self._bounds.longest_list:
            raise ConfigError(f"A list has {self._bounds.longest_list:,} places at the most.")
        return k, self._allowed(wanted.filters())

    def _not_kept(self, filters: Filters) -> BoolArray | None:
        """Which tracks are allowed; None where all are, which the search is faster with."""
        found = self._products.allowed(filters, self.on)
        return None if found.all() else found

    def _col(self, track_id: Id) -> int:
        col = self._tracks.row(track_id)
        if col is None:
            raise UnknownId(f"Release {self.release} knows no track {track_id!r}.")
        return col


class _Listed(NamedTuple):
    """One list of track columns, best first; -1 where nothing is left."""

    cols: Cols  # (k,)
    scores: npt.NDArray[np.float32]  # (k,)
    reasons: Cols  # (k,)


class _Names:
    """Ids, titles and artists by column, taken for a whole list at once."""

    def __init__(self, ids: pa.Array, table: pa.Table) -> None:
        self._columns = [ids, as_ids(table.column("title")), as_ids(table.column("artist"))]

    def places(self, listed: _Listed) -> list[Place]:
        """The list without the places that hold nothing."""
        there = listed.cols >= 0
        named, scores = self._of(listed.cols[there]), np.round(listed.scores[there].astype(float), 6).tolist()
        because = self._of(listed.reasons[there])
        pairs = zip(named, scores, because, strict=True)
        return [Place(*own, score, Named(*why) if why is not None else None) for own, score, why in pairs if own]

    def _of(self, cols: Cols) -> list[tuple[str, Any, Any] | None]:
        if (cols < 0).all():
            return [None] * len(cols)
        places = pa.array(np.maximum(cols, 0))
        ids, titles, artists = (column.take(places).to_pylist() for column in self._columns)
        found = zip(cols.tolist(), ids, titles, artists, strict=True)
        return [(str(i), title, artist) if col >= 0 else None for col, i, title, artist in found]
