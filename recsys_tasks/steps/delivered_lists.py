"""The products of a release for everybody, batch by batch, written as the files of a delivery."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Figures, IntArray
from recsys_tasks.core.formatting import count
from recsys_tasks.delivery.arrays import ListArrays
from recsys_tasks.delivery.earlier import ShownBefore, together
from recsys_tasks.delivery.figures import ListFigures
from recsys_tasks.delivery.files import ProductFiles
from recsys_tasks.delivery.products import (
    DISCOVER,
    NEW_RELEASES,
    POPULAR,
    PRODUCTS,
    RELATED_ARTISTS,
    SIMILAR_TRACKS,
)
from recsys_tasks.delivery.rows import list_rows
from recsys_tasks.products.lists import Lists
from recsys_tasks.products.segments import OVERALL
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.repositories.deliveries import files_of
from recsys_tasks.steps.in_order import in_order
from recsys_tasks.steps.making import Making
from recsys_tasks.storage.artefacts import Artefact, LocalFile

ARTISTS_AT_ONCE, TRACKS_AT_ONCE = 1_024, 4_096


def write_product(making: Making, product: str) -> tuple[dict[str, LocalFile], Figures]:
    """Make a product for everybody: its files, by name, and its figures."""
    arrays = making.arrays(product)
    with making.files(product) as files, arrays or nullcontext():
        figures = _WRITERS[product](making, files, arrays)
    names = [*files.names, *(arrays.names if arrays else ())]
    found = {name: LocalFile(f"{making.folder}/{name}") for name in names}
    making.progress(f"{product}: {count(files.rows)} rows in {count(len(files.names))} files")
    return found, {"rows": files.rows, **figures}


def _discover(making: Making, files: ProductFiles, arrays: ListArrays | None) -> Figures:
    readers = {name: _reader(artefact, DISCOVER) for name, artefact in making.earlier.opened.items()}
    figures, n_done, explored = _no_figures(making), 0, list[IntArray]()

    def listed(asked: tuple[IntArray, Mapping[str, Played]]) -> tuple[Lists, Mapping[str, Played], Played]:
        rows, before = asked
        shown = together((before[name] for name in making.earlier.shown), len(rows))
        return making.products.discover(rows, shown=shown), before, shown

    batches = ((rows, _shown_before(making, readers, rows)) for rows in making.batches())
    for lists, before, shown in in_order(listed, batches, making.config.threads):
        repeats = {figure: before[name] for figure, name in making.earlier.compared.items()}
        figures.add(lists.cols, lists.popular, repeats, len(making.tracks))
        explored.append(_drawn(lists))
        _write(making, files, arrays, lists)
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


def _new_releases(making: Making, files: ProductFiles, arrays: ListArrays | None) -> Figures:
    readers = {name: _reader(artefact, NEW_RELEASES) for name, artefact in making.earlier.new_releases.items()}
    figures = _no_figures(making)
    for lists in in_order(making.products.new_releases, making.batches(), making.config.threads):
        before = _shown_before(making, readers, lists.user_rows)
        repeats = {figure: before[name] for figure, name in making.earlier.compared.items() if name in before}
        figures.add(lists.cols, lists.popular, repeats, len(making.tracks))
        _write(making, files, arrays, lists)
    return figures.figures()


def _related_artists(making: Making, files: ProductFiles, _: ListArrays | None) -> Figures:
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


def _popular(making: Making, files: ProductFiles, _: ListArrays | None) -> Figures:
    schema, segments = PRODUCTS[POPULAR].schema(making.ids), {OVERALL: None, **making.segments}
    for name in sorted(segments):
        found, owners = making.products.popular(segment=segments[name]), {"segment": pa.array([name])}
        named = {"track_id": (making.tracks, found.cols)}
        files.write(list_rows(schema, owners, named, found.scores, making.release), 1)
    return {"segments": len(segments)}


def _similar_tracks(making: Making, files: ProductFiles, arrays: ListArrays | None) -> Figures:
    schema, n_tracks, listed = PRODUCTS[SIMILAR_TRACKS].schema(making.ids), len(making.tracks), 0
    blocks = (np.arange(start, min(start + TRACKS_AT_ONCE, n_tracks)) for start in range(0, n_tracks, TRACKS_AT_ONCE))
    nearest = in_order(lambda cols: (cols, making.products.nearest(cols)), blocks, making.config.threads)
    for cols, found in nearest:
        owners, named = {"track_id": making.tracks.take(pa.array(cols))}, {"similar_id": (making.tracks, found.cols)}
        files.write(list_rows(schema, owners, named, found.scores, making.release), len(cols))
        if arrays:
            arrays.write(cols, found.cols, found.scores)
        listed += int((found.cols >= 0).any(axis=1).sum())
        making.progress(f"{SIMILAR_TRACKS}: lists of {count(int(cols[-1]) + 1)} of {count(n_tracks)} tracks")
    return {"tracks": n_tracks, "listed": listed}


_WRITERS: Mapping[str, Callable[[Making, ProductFiles, ListArrays | None], Figures]] = {
    DISCOVER: _discover,
    NEW_RELEASES: _new_releases,
    RELATED_ARTISTS: _related_artists,
    POPULAR: _popular,
    SIMILAR_TRACKS: _similar_tracks,
}


def _write(making: Making, files: ProductFiles, arrays: ListArrays | None, lists: Lists) -> None:
    if arrays:
        arrays.write(making.places[lists.user_rows], lists.cols, lists.scores, lists.reasons)
    owners = {"user_id": making.users.take(pa.array(lists.user_rows))}
    named = {"track_id": (making.tracks, lists.cols), "reason": (making.tracks, lists.reasons)}
    n = len(lists.user_rows)
    files.write(list_rows(files.schema, owners, named, lists.scores, making.release, lists.propensities), n)


def _shown_before(making: Making, readers: Mapping[str, ShownBefore], rows: IntArray) -> dict[str, Played]:
    """What earlier deliveries showed some listeners, by their names."""
    ids = making.users.take(pa.array(rows))
    return {name: reader.of(ids, making.tracks) for name, reader in readers.items()}


def _reader(artefact: Artefact, product: str) -> ShownBefore:
    return ShownBefore([artefact.file(name) for name in files_of(artefact.manifest, product)])


def _no_figures(making: Making) -> ListFigures:
    products = making.products
    artists = products.artists.of_col if len(products.artists) else None
    origins = _origins(making.bundle.names.table, products.settings.origin)
    return ListFigures(products.view.new(products.on), artists, origins)


def _origins(table: pa.Table, name: str) -> IntArray | None:
    """Number of the country that each track comes from, -1 unknown; None where the release knows none. (n_tracks,)."""
    if name not in table.column_names or pa.types.is_nested(table[name].type):
        return None
    found: IntArray = np.asarray(pc.fill_null(pc.dictionary_encode(table[name].combine_chunks()).indices, -1))
    return found
