"""The products of a release for everybody, batch by batch, written as the files of a delivery."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.delivering import DeliverConfig
from recsys_tasks.core.domain import BoolArray, Figures, Ids, IntArray
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
from recsys_tasks.products.segments import OVERALL
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.repositories.deliveries import SHOWN, SHOWN_INDPTR
from recsys_tasks.storage.artefacts import Artefact, LocalFile

T = TypeVar("T")
Found = TypeVar("Found")
ARTISTS_AT_ONCE = 1_024


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

    def listed(asked: tuple[IntArray, Mapping[str, Played]]) -> tuple[Lists, Mapping[str, Played], Played]:
        rows, before = asked
        shown = joined((before[name] for name in making.earlier.shown), len(rows))
        return making.products.discover(rows, shown=shown), before, shown

    batches = ((rows, _shown_before(making, readers, rows)) for rows in making.batches())
    for lists, before, shown in in_order(listed, batches, making.config.threads):
        repeats = {figure: before[name] for figure, name in making.earlier.compared.items()}
        figures.add(lists.cols, lists.popular, repeats, len(making.tracks))
        explored.append(_drawn(lists))
        _write(making, files, lists)
        if making.config.keep_shown:
            making.shown.append(shown)
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
    readers = {name: _reader(artefact) for name, artefact in making.earlier.new_releases.items()}
    figures = _no_figures(making)
    for lists in in_order(making.products.new_releases, making.batches(), making.config.threads):
        before = _shown_before(making, readers, lists.user_rows)
        repeats = {figure: before[name] for figure, name in making.earlier.compared.items() if name in before}
        figures.add(lists.cols, lists.popular, repeats, len(making.tracks))
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
    schema, segments = PRODUCTS[POPULAR].schema(making.ids), {OVERALL: None, **making.segments}
    for name in sorted(segments):
        found, owners = making.products.popular(segment=segments[name]), {"segment": pa.array([name])}
        named = {"track_id": (making.tracks, found.cols)}
        files.write(list_rows(schema, owners, named, found.scores, making.release), 1)
    return {"segments": len(segments)}


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
    artists = products.artists.of_col if len(products.artists) else None
    return ListFigures(new, artists, _origins(making.bundle.names.table, products.settings.origin))


def _origins(table: pa.Table, name: str) -> IntArray | None:
    """Number of the country that each track comes from, -1 unknown; None where the release knows none. (n_tracks,)."""
    if name not in table.column_names or pa.types.is_nested(table[name].type):
        return None
    found: IntArray = np.asarray(pc.fill_null(pc.dictionary_encode(table[name].combine_chunks()).indices, -1))
    return found
