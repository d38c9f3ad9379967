"""Answers from the live release: verify, map, recommend, similar, and switch to a newer one without a pause."""

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from recsys_tasks.core.domain import BoolArray, Id
from recsys_tasks.core.errors import CorruptArtefact, RecsysError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.lists import Track
from recsys_tasks.products.products import Products
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle, find_row, parse_id
from recsys_tasks.release.bundles import Bundles
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import Releases
from recsys_tasks.serving import asked
from recsys_tasks.serving.opened import Answered, Opened, RelatedAnswer
from recsys_tasks.storage.store import ArtefactStore

PROBES = 3
"""Questions that an opened release answers before it replaces the one before."""


class Reader:
    """Answers from one release at a time. Threads may share it: a query sees one release from start to end."""

    def __init__(
        self, store: ArtefactStore, release: int | None = None, settings: ProductsConfig | None = None
    ) -> None:
        """Open the live release, or a given one.

        Args:
            store: where the releases are.
            release: number of the release; None: the live one, which ``refresh`` follows.
            settings: of the products.

        Raises:
            NoRelease: nothing has been published.
            UnknownId: there is no such release.
            CorruptArtefact: it differs from what was published; a new reader refuses.
        """
        self._store, self._switching, self._settings = store, Lock(), settings
        log = Releases(store).log()
        entry = log.require_live() if release is None else log.release(release)
        self._opened = self._open(entry)

    @property
    def opened(self) -> Opened:
        """The release that answers, whole: who asks several things takes it once, and sees one release throughout."""
        return self._opened

    @property
    def store(self) -> ArtefactStore:
        """Where the releases are."""
        return self._store

    @property
    def entry(self) -> Entry:
        """The log entry of the release that answers."""
        return self._opened.entry

    @property
    def bundle(self) -> Bundle:
        """Its bundle, open."""
        return self._opened.bundle

    def refresh(self) -> str | None:
        """Switch to the live release if it is another one; on any failure keep what is open, and say why."""
        with self._switching:  # one at a time: a slow opener must not put an older release over a newer one
            try:
                live = Releases(self._store).log().require_live()
                if live.number < self.entry.number:
                    raise CorruptArtefact(f"The log ends before entry {self.entry.number}. Restore it from a backup.")
                if (live.candidate, live.parts) != (self.entry.candidate, self.entry.parts):
                    self._opened = self._open(live)
            except (RecsysError, OSError, ValueError, pa.ArrowException) as error:
                return f"release {self.entry.release} is kept: {error}"
        return None

    def recommend(self, user_id: Id, k: int = 10) -> Answered:
        """The k tracks that suit a user best, without those already played; the popular tracks for an unknown user.

        Raises:
            ConfigError: k is not positive, or beyond ``LONGEST_LIST``.
        """
        return asked.for_listener(self._opened, "plain", user_id, k)

    def played(self, user_id: Id) -> tuple[tuple[int, Track], ...]:
        """The tracks that a user has played, as far as the release knows; none for an unknown user.

        Returns:
            The place among all pairs of the release, and the track; a score is its number of listeners. Tracks with
            most listeners come first.

        Raises:
            UnknownId: it is no id of this service.
        """
        opened = self._opened
        users, listeners = opened.bundle.users, opened.bundle.names.listeners
        row = find_row(users.ids, users.order, parse_id(users.ids, user_id))
        cols = self._played(opened, row) if row is not None else np.zeros(0, np.int64)
        order = np.argsort(-listeners[cols], kind="stable")
        found = self._named(opened, [(int(col), float(listeners[col])) for col in cols[order]])
        first = int(users.indptr[row]) if row is not None else 0
        return tuple(zip((first + order).tolist(), found, strict=True))

    def similar(self, track_id: Id, k: int = 10) -> Answered:
        """The k tracks whose factors point most nearly the same way, with the cosine.

        Raises:
            ConfigError: k is not positive, or beyond ``LONGEST_LIST``.
            UnknownId: the release does not know the track, or nobody has played it yet.
        """
        return asked.similar(self._opened, track_id, k)

    def discover(self, user_id: Id, k: int | None = None, allowed: BoolArray | None = None) -> Answered:
        """Tracks that a listener has not played, under the rules of the products, with reasons.

        Raises:
            ConfigError: k is not positive.
        """
        return asked.for_listener(self._opened, "discover", user_id, k, allowed)

    def related(self, artist_id: Id, k: int | None = None) -> RelatedAnswer:
        """Artists like an artist.

        Raises:
            UnknownId: the release knows no such artist.
        """
        return asked.related(self._opened, artist_id, k)

    def continue_playlist(self, track_ids: Sequence[Id], k: int | None = None) -> Answered:
        """Tracks that go on with a playlist.

        Raises:
            UnknownId: the release knows none of its tracks.
        """
        return asked.playlist(self._opened, track_ids, k)

    def for_history(self, track_ids: Sequence[Id], k: int | None = None) -> Answered:
        """Tracks for a listener who played these, and of whom nothing else is known.

        Raises:
            UnknownId: the release knows none of them.
        """
        return asked.for_history(self._opened, track_ids, k)

    def _open(self, entry: Entry) -> Opened:
        bundle = Bundles(self._store).load(entry)
        opened = Opened(entry, bundle, Products(bundle, self._settings))
        self._probe(opened)
        return opened

    def _probe(self, opened: Opened) -> None:
        """Check that the release answers a few questions."""
        users, search = opened.bundle.users, opened.bundle.gated.search
        for row in np.linspace(0, len(users.vectors) - 1, min(PROBES, len(users.vectors))).astype(int):
            nothing = Played(np.zeros(2, np.int64), np.zeros(0, np.int64))
            found = search.find(users.vectors[row][None, :], nothing, 1)
            if users.vectors[row].any() and found.cols[0, 0] < 0:
                raise CorruptArtefact(f"Release {opened.entry.release} does not answer a probe. Roll back, or rerun.")

    def _played(self, opened: Opened, row: int) -> Any:
        users = opened.bundle.users
        return users.cols[users.indptr[row] : users.indptr[row + 1]]

    def _named(self, opened: Opened, listed: Sequence[tuple[int, float]]) -> Iterator[Track]:
        for col, score in listed:
            names = opened.bundle.names.of(col)
            track_id = opened.bundle.gated.tracks.ids[col].as_py()
            yield Track(track_id, names["title"], names["artist"], round(score, 6))
