"""An open release as the pages ask it: its reader, its products as the configuration wants them, its names."""

from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.errors import RecsysError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.pages.names_search import NameSearch
from recsys_tasks.pages.narrowing import Offered, offered
from recsys_tasks.products.hours import Counts
from recsys_tasks.products.products import Products
from recsys_tasks.repositories.deliveries import FOLDER, Deliveries
from recsys_tasks.serving.delivered import hours_of, marks_of, names_of
from recsys_tasks.serving.opened import Opened as OpenRelease
from recsys_tasks.serving.reader import Reader
from recsys_tasks.serving.segments import SegmentLists, segment_lists
from recsys_tasks.storage.store import Stamp

Files: TypeAlias = "tuple[tuple[str, Stamp], ...]"
"""Name and stamp of each file of a release."""


class Added(NamedTuple):
    """What deliveries say of a release."""

    marks: pa.Table | None = None  # what listeners do not want again
    segments: SegmentLists = MappingProxyType({})
    hours: Counts | None = None  # (n_tracks, 24) plays by hour


class Opened:
    """One open release, and its files as they were before it was opened."""

    def __init__(self, reader: Reader, files: Files, memory: int = 0) -> None:
        self.reader, self.files, self.memory = reader, files, memory
        self.plays: tuple[npt.NDArray[np.integer[Any]] | None] | None = None  # of each pair, once looked for
        self._under: tuple[ProductsConfig, Added, OpenRelease] | None = None
        self._offered: tuple[ProductsConfig, Offered] | None = None
        self._added: tuple[Stamp | None, Added] | None = None

    @cached_property
    def names(self) -> NameSearch:
        """The search over its names, made when it is first needed: a second for 600,000 tracks."""
        return NameSearch(self.reader.bundle.names.table)

    def under(self, settings: ProductsConfig) -> OpenRelease:
        """The release with its products as some settings want them, without what listeners do not want again; those of
        the last settings are kept."""
        known, added = self._under, self.added
        if known is None or known[0] != settings or known[1] is not added:
            release = self.reader.opened
            products = Products(release.bundle, settings, never_again=added.marks, hours=added.hours)
            known = settings, added, replace(release, products=products)
            self._under = known
        return known[2]

    @property
    def added(self) -> Added:
        """What stored deliveries say of it, read again when there is another one; a damaged one says nothing."""
        stamp = self.reader.store.stamp(FOLDER)
        if self._added is None or self._added[0] != stamp:
            self._added = stamp, _added(self.reader)
        return self._added[1]

    def offered(self, settings: ProductsConfig) -> Offered:
        """What its catalogue can be filtered by; it is looked at once."""
        if self._offered is None or self._offered[0] != settings:
            self._offered = settings, offered(self.reader.bundle.names.table, settings)
        added = self.added
        return self._offered[1]._replace(segments=tuple(sorted(added.segments)), hours=added.hours is not None)


def _added(reader: Reader) -> Added:
    deliveries = Deliveries(reader.store)
    try:
        names = names_of(deliveries, reader.entry)
        tracks = reader.bundle.gated.tracks
        segments = segment_lists(deliveries, names.release, tracks)
        return Added(marks_of(deliveries, names), segments, hours_of(deliveries, names, len(tracks)))
    except (RecsysError, OSError):
        return Added()
