"""The products of a release for everybody, batch by batch, written as the files of a delivery."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.delivering import DeliverConfig
from recsys_tasks.core.domain import Figures, Ids, IntArray
from recsys_tasks.core.formatting import count
from recsys_tasks.delivery.earlier import ShownBefore, joined
from recsys_tasks.delivery.figures import ListFigures
from recsys_tasks.delivery.files import ProductFiles
from recsys_tasks.delivery.products import (
    ARTIST,
    DISCOVER,
    EXPLORED,
    NEW_RELEASES,
    POPULAR,
    PRODUCTS,
    RELATED_ARTISTS,
    TRACK,
    USER,
)
from recsys_tasks.delivery.rows import list_rows
from recsys_tasks.delivery.showings import Outcomes
from recsys_tasks.products.lists import Lists
from recsys_tasks.products.new_releases import new_tracks
from recsys_tasks.products.products import Products
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.storage.artefacts import Artefact, LocalFile

T = TypeVar("T")
Found = TypeVar("Found")
OVERALL = "all"
"""Segment of the popular tracks of everybody."""
ARTISTS_AT_ONCE = 1_024


@dataclass(frozen=True)
class Earlier:
    """Stored deliveries that the lists of this one are held against, by name."""

    opened: Mapping[str, Artefact]
    shown: tuple[str, ...]  # whose tracks are not listed again
    compared: Mapping[str, str]  # name of a figure -> delivery that repeats are counted from

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
    config: DeliverConfig
    folder: str
    progress: Callable[[str], None]
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

    def batches(self) -> Iterator[IntArray]:
        """Rows of everybody who gets lists, by rising id."""
        order = np.asarray(self.bundle.users.order)
        kept = order[~np.asarray(pc.is_in(self.users.take(pa.array(order)), self.left_out))]
        for start in range(0, len(kept), self.config.batch_listeners):
            yield kept[start : start + self.config.batch_listeners]


def write_product(making: Making, product: str) -> tuple[dict[str, LocalFile], Figures]:
    """Make a product for everybody: its files, by name, and its figures."""
    with making.files(product) as files:
        figures = _WRITERS[product](making, files)
    found = {name: LocalFile(f"{making.folder}/{name}") for name in files.names}
    making.progress(f"{product}: {count(files.rows)} rows in {count(len(files.names))} files")
    return found, {"rows": files.rows, **figures}


def _discover(making: Making, files: ProductFiles) -> Figures:
    readers = {name: _reader(artefact) for name, artefact in making.earlier.opened.items()}
    figures, n_done, explored = _no_figures(making), 0, list[IntArray]()

    def listed(asked: tuple[IntArray, Mapping[str, Played]]) -> tuple[Lists, Mapping[str, Played]]:
        rows, before = asked
        shown = joined((before[name] for name in making.earlier.shown), len(rows))
        return making.products.discover(rows, shown=shown), before

    batches = ((rows, _shown_before(making, readers, rows)) for rows in making.batches())
    for lists, before in in_order(listed, batches, making.config.threads):
        repeats = {figure: before[name] for figure, name in making.earlier.compared.items()}
        figures.add(lists.cols, lists.popular, repeats, len(making.tracks))
        explored.append(_drawn(lists))
        _write(making, files, lists)
        n_done += len(lists.cols)
        making.progress(f"{DISCOVER}: lists of {count(n_done)} of {count(len(making.users))} listeners")
    return figures.figures() | _exploration(making, np.concatenate([np.zeros(0, np.int32), *explored]))


def _drawn(lists: Lists) -> IntArray:
    """Columns of the tracks that were drawn for places of exploration. (n,)"""
    nothing = np.zeros(0, np.int32)
    return nothing if lists.propensities is None else lists.cols[~np.isnan(lists.propensities)]


def _exploration(making: Making, cols: IntArray) -> Figures:
    """Of lists that explore: their places for new tracks, and what became of the places shown before."""
    if making.outcomes is None:
        return {}
    figures = {"places": len(cols), "distinct_tracks": len(np.unique(cols)), "before": making.outcomes.figures()}
    return {"exploration": figures}


def _new_releases(making: Making, files: ProductFiles) -> Figures:
    figures = _no_figures(making)
    for lists in in_order(making.products.new_releases, making.batches(), making.config.threads):
        figures.add(lists.cols, lists.popular, {}, len(making.tracks))
        _write(making, files, lists)
    return figures.figures()


def _related_artists(making: Making, files: ProductFiles) -> Figures:
    artists, listed = making.products.artists, 0
    for start in range(0, len(artists), ARTISTS_AT_ONCE):
        numbers = np.arange(start, min(start + ARTISTS_AT_ONCE, len(artists)))
        found = making.products.related_artists(numbers)
        owners = {"artist_id": artists.ids.take(pa.array(numbers))}
        named = {"related_id": (artists.ids, found.artists)}
        schema = PRODUCTS[RELATED_ARTISTS].schema(making.ids)
        files.write(list_rows(schema, owners, named, found.scores, making.release), len(numbers))
        listed += int((found.artists >= 0).any(axis=1).sum())
    return {"artists": len(artists), "listed": listed}


def _popular(making: Making, files: ProductFiles) -> Figures:
    found = making.products.popular()
    schema, owners = PRODUCTS[POPULAR].schema(making.ids), {"segment": pa.array([OVERALL])}
    files.write(list_rows(schema, owners, {"track_id": (making.tracks, found.cols)}, found.scores, making.release), 1)
    return {"segments": 1}


_WRITERS: Mapping[str, Callable[[Making, ProductFiles], Figures]] = {
    DISCOVER: _discover,
    NEW_RELEASES: _new_releases,
    RELATED_ARTISTS: _related_artists,
    POPULAR: _popular,
}


def _write(making: Making, files: ProductFiles, lists: Lists) -> None:
    owners = {"user_id": making.users.take(pa.array(lists.user_rows))}
    named = {"track_id": (making.tracks, lists.cols), "reason": (making.tracks, lists.reasons)}
    n = len(lists.user_rows)
    files.write(list_rows(files.schema, owners, named, lists.scores, making.release, lists.propensities), n)


def in_order(work: Callable[[T], Found], items: Iterable[T], threads: int) -> Iterator[Found]:
    """What some work makes of items, in their order, with no more of them under way than there are threads, and one."""
    waiting: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _shown_before(making: Making, readers: Mapping[str, ShownBefore], rows: IntArray) -> dict[str, Played]:
    """What earlier deliveries showed some listeners, by their names."""
    ids = making.users.take(pa.array(rows))
    return {name: reader.of(ids, making.tracks) for name, reader in readers.items()}


def _reader(artefact: Artefact) -> ShownBefore:
    return ShownBefore([artefact.file(name) for name in sorted(artefact.manifest.files)])


def _no_figures(making: Making) -> ListFigures:
    products = making.products
    new = new_tracks(products.view, products.day, products.settings.new_release_days)
    return ListFigures(new, products.artists.of_col if len(products.artists) else None)
