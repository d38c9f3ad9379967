"""The data of ``cold_tracks`` in the forms of the library: catalogues, vocabularies, plays."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy import sparse

from benchmarks.als_defaults import csv_table, numbers
from benchmarks.gate_calibration.listening import world_counts
from recsys_tasks.core.domain import BoolArray, IntArray, Vocabulary, day_number
from recsys_tasks.demo.world import World
from recsys_tasks.demo.world.labels import genres_and_tags, measured
from recsys_tasks.matrix.play_matrix import canonical

ARTICLES, HISTORY = 16_980, 24
"""Articles of citeulike-a; days of the world before the one that is scored."""


def world_plays(world: World, day: date) -> tuple[Vocabulary, list[sparse.csr_matrix]]:
    """The items of the day after, by first day and id, and the plays of each date, the last that of the day."""
    dates = [world.params.start + timedelta(days=n) for n in range(HISTORY + 1)]
    counts = [world_counts(world, each) for each in dates]
    out = np.flatnonzero(np.sort(world.catalogue.release_day) <= HISTORY) + 1
    first = np.full(len(out) + 1, day_number(day))
    for date_, each in zip(dates[::-1], counts[::-1], strict=True):
        first[np.asarray(each.track_ids)] = day_number(date_)
    order = np.lexsort((out, first[out]))
    items = Vocabulary(pa.array(out[order]), first[out][order].astype(np.int32))
    shape = (world.params.users, len(items))
    cells = [(each.plays, (np.asarray(each.user_ids) - 1, items.rows_of(each.track_ids))) for each in counts]
    return items, [canonical(sparse.csr_matrix(each, shape=shape, dtype=np.uint32)) for each in cells]


def world_snapshot(world: World) -> pa.Table:
    """The catalogue as the demo writes it, by id."""
    catalogue, params = world.catalogue, world.params
    by_id = np.argsort(catalogue.track_ids)
    genres, tags = genres_and_tags(params, catalogue)
    sound = measured(params, catalogue)
    start = np.datetime64(params.start)
    table = snapshot(
        catalogue.track_ids[by_id],
        genre=[genres[row] for row in by_id],
        tags=[tags[row] for row in by_id],
        album_id=catalogue.album_of[by_id],
        **{name: [sound[row][n] for row in by_id] for n, name in enumerate(("tempo", "energy", "valence"))},
    )
    released = pa.array((start + catalogue.release_day[by_id]).astype("datetime64[D]"))
    place = table.column_names.index
    table = table.set_column(place("released_on"), "released_on", released)
    return table.set_column(place("artist_id"), "artist_id", pa.array(catalogue.artist_of[by_id].astype(str)))


def snapshot(track_ids: IntArray, **features: Sequence[object] | IntArray) -> pa.Table:
    """A catalogue of these features; whatever else a snapshot holds is unknown."""
    unknown = {name: pa.nulls(len(track_ids), pa.string()) for name in ("title", "artist", "artist_id")}
    unknown["released_on"] = pa.nulls(len(track_ids), pa.date32())
    return pa.table({"track_id": track_ids, **unknown, **{name: pa.array(each) for name, each in features.items()}})


def article_pairs(path: Path) -> sparse.csr_matrix:
    """Readers x articles of a file of pairs."""
    table = csv_table(path, ",")
    cells = (np.ones(len(table), np.uint32), (numbers(table, "user"), numbers(table, "item")))
    return sparse.csr_matrix(cells, shape=(5_551, ARTICLES), dtype=np.uint32)


def article_lists(path: Path) -> list[list[str]]:
    """A line for each article: how many, then which."""
    return [line.split()[1:] for line in path.read_text().splitlines()]


def columns_of(cells: sparse.csr_matrix, which: BoolArray) -> sparse.csr_matrix:
    """The cells of some columns alone."""
    return canonical(sparse.csr_matrix(cells.multiply(which[None, :]), dtype=np.uint32))


def played_tracks(plays: sparse.csr_matrix) -> IntArray:
    """Columns with a play, rising."""
    return np.flatnonzero(np.bincount(plays.indices, minlength=plays.shape[1]))


def numbered(n: int) -> Vocabulary:
    """A vocabulary of the numbers from 0 on."""
    return Vocabulary(pa.array(np.arange(n)), np.zeros(n, np.int32))
