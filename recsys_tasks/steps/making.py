"""What a delivery is made of, and where its lists go."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.delivering import DeliverConfig
from recsys_tasks.core.domain import BoolArray, Figures, Ids, IntArray
from recsys_tasks.delivery.arrays import ListArrays
from recsys_tasks.delivery.files import ProductFiles
from recsys_tasks.delivery.products import (
    ARTIST,
    DISCOVER,
    EXPLORED,
    NEW_RELEASES,
    PRODUCTS,
    SIMILAR_TRACKS,
    TRACK,
    USER,
)
from recsys_tasks.delivery.showings import Outcomes
from recsys_tasks.products.products import Products
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.repositories.deliveries import SHOWN, SHOWN_INDPTR
from recsys_tasks.serving.kept_lists import places_of
from recsys_tasks.storage.artefacts import Artefact


@dataclass(frozen=True)
class Earlier:
    """Stored deliveries that the lists of this one are held against, by name."""

    opened: Mapping[str, Artefact]
    shown: tuple[str, ...]  # whose tracks are not listed again
    compared: Mapping[str, str]  # name of a figure -> delivery that repeats are counted from
    new_releases: Mapping[str, Artefact]  # of those that repeats are counted from

    @property
    def names(self) -> Figures:
        """As the delivery keeps them."""
        return {"shown": list(self.shown), "compared": dict(self.compared)}


@dataclass(frozen=True)
class Making:
    """What a delivery is made of."""

    products: Products
    bundle: Bundle
    release: int
    left_out: Ids  # listeners who get no list
    earlier: Earlier
    segments: Mapping[str, IntArray]  # name -> rows of its listeners, who get a list of popular tracks together
    config: DeliverConfig
    folder: str
    progress: Callable[[str], None]
    shown: list[Played] = field(default_factory=list)  # of each batch, where it is to be kept
    outcomes: Outcomes | None = None  # of what was shown before; None: the lists do not explore

    @cached_property
    def ids(self) -> dict[str, pa.DataType]:
        """Type of each kind of id."""
        artists = self.products.artists.ids.type
        return {USER: self.users.type, TRACK: self.tracks.type, ARTIST: artists}

    @property
    def users(self) -> Ids:
        """Ids of the listeners, by row."""
        return self.bundle.users.ids

    @property
    def tracks(self) -> Ids:
        """Ids of the tracks, by column."""
        return self.bundle.gated.tracks.ids

    def files(self, product: str) -> ProductFiles:
        """Where the rows of a product go."""
        columns = EXPLORED if product == DISCOVER and self.outcomes else PRODUCTS[product]
        return ProductFiles(self.folder, product, columns.schema(self.ids))

    def arrays(self, product: str) -> ListArrays | None:
        """Where its lists go as arrays; None: nowhere."""
        n = {DISCOVER: len(self.users), NEW_RELEASES: len(self.users), SIMILAR_TRACKS: len(self.tracks)}.get(product)
        if n is None or not self.config.keep_lists:
            return None
        return ListArrays(self.folder, product, n, self.products.settings.k)

    @cached_property
    def places(self) -> IntArray:
        """Where each listener stands by rising id. (n_users,), by row."""
        return places_of(self._by_id)

    def batches(self) -> Iterator[IntArray]:
        """Rows of everybody who gets lists, by rising id."""
        kept = self._by_id[self._kept]
        for start in range(0, len(kept), self.config.batch_listeners):
            yield kept[start : start + self.config.batch_listeners]

    @property
    def _by_id(self) -> IntArray:
        return np.asarray(self.bundle.users.order)

    @cached_property
    def _kept(self) -> BoolArray:
        """Who gets lists, by rising id. (n_users,)."""
        return ~np.asarray(pc.is_in(self.users.take(pa.array(self._by_id)), self.left_out))

    def shown_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What was shown before to everybody, by rising id: the arrays of a delivery that keeps it."""
        if not any(len(part.cols) for part in self.shown):
            return {}
        lengths = np.zeros(len(self._kept), np.int64)
        lengths[self._kept] = np.concatenate([np.diff(part.indptr) for part in self.shown])
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        return {SHOWN: np.concatenate([part.cols for part in self.shown]), SHOWN_INDPTR: indptr}
