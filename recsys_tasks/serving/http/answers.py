"""The answers of one open release: ids in, JSON shapes out. Everything an answer needs is taken from this release."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

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
NAMES_KEPT = 100_000
"""Tracks whose names are kept as objects, 300 bytes each."""


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
        """The day of the lists, the one after the newest data: a release answers alike as long as it is live."""
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
    """Ids, titles and artists by column. Those of the tracks on most lists are kept, so that few are looked up."""

    def __init__(self, ids: pa.Array, table: pa.Table) -> None:
        self._columns = [ids, as_ids(table.column("title")), as_ids(table.column("artist"))]
        self._kept: dict[int, Named] = {}

    def places(self, listed: _Listed) -> list[Place]:
        """The list without the places that hold nothing."""
        scores = np.round(listed.scores.astype(float), 6).tolist()
        found = [row for row in zip(listed.cols.tolist(), scores, listed.reasons.tolist(), strict=True) if row[0] >= 0]
        kept = self._with({col for col, _, _ in found} | {reason for _, _, reason in found if reason >= 0})
        named = ((kept[col], score, kept[why] if why >= 0 else None) for col, score, why in found)
        return [Place(own.track_id, own.title, own.artist, score, why) for own, score, why in named]

    def _with(self, cols: set[int]) -> dict[int, Named]:
        """Names of these columns, and of some others."""
        if missing := [col for col in cols if col not in self._kept]:
            if len(self._kept) > NAMES_KEPT:
                self._kept.clear()
                missing = list(cols)
            places = pa.array(missing, pa.int64())
            ids, titles, artists = (column.take(places).to_pylist() for column in self._columns)
            self._kept.update(zip(missing, map(Named, map(str, ids), titles, artists), strict=True))
        return self._kept
