"""Playlists that go on: what the product lists after the visible part of real playlists, beside simpler rules.

    nice python -m benchmarks.playlists --data DIR

``DIR`` holds ``polimi-playlists-2018``: 5,000 ordered playlists, of each of which the last tracks are hidden, and the
hidden parts of 5,000 others, which are trained on as playlists of their own. Everything is chosen on the last fifth of
what is visible; the hidden tracks are looked at once. Figures are MAP@10, the mean over playlists of

    (sum over hits at place i of hits up to i / i) / min(10, hidden tracks)

with intervals of 95 %; differences are paired over playlists.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.als_defaults import csv_table, numbers
from benchmarks.bundles import bundle_of
from benchmarks.recommender_logs import vocabulary
from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.histories import PLAYLIST_PARTS, folded_in, playlist_parts
from recsys_tasks.products.lists import as_played
from recsys_tasks.products.products import Products
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.blend import weighted_sum
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.recommenders.pools import pool_of
from recsys_tasks.storage.posix import PosixStore

SET, K, DEPTH, VISIBLE = "polimi-playlists-2018", 10, 100, 0.8
ALS = [
    AlsConfig(factors=factors, a=a, regularization=regularization, max_iterations=10)
    for factors, a, regularization in ((64, 30.0, 30.0), (200, 10.0, 10.0), (200, 30.0, 30.0), (200, 100.0, 100.0))
]
NEIGHBOURS = [NeighboursConfig(shrinkage=shrinkage, nearest=300) for shrinkage in (3.0, 10.0, 30.0)]
WEIGHTS = [(1.0, *rest) for rest in itertools.product((0.0, 0.25, 0.5, 1.0, 2.0, 4.0), (0.0, 0.1, 0.2, 0.4, 0.8))]
LENGTHS = ((1, 9), (10, 19), (20, 49), (50, 10_000))
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """Playlists to go on with, what follows, and further ones to learn from."""

    seeds: list[Numbers]
    hidden: list[Numbers]
    others: list[Numbers]
    artists: pa.Array  # (n_tracks,)

    @property
    def data(self) -> TrainingData:
        """All that is visible: playlists stand for listeners."""
        played = as_played([np.unique(cols) for cols in (*self.seeds, *self.others)])
        shape = (len(played.indptr) - 1, len(self.artists))
        cells = (np.ones(len(played.cols), np.uint32), played.cols, played.indptr)
        return TrainingData(sparse.csr_matrix(cells, shape=shape), vocabulary(shape[0]), vocabulary(shape[1]))

    @property
    def validation(self) -> "Task":
        """The same with the last fifth of what is visible hidden, the hidden tracks unknown."""
        cuts = [max(1, int(VISIBLE * len(cols))) for cols in self.seeds]
        seeds = [cols[:cut] for cols, cut in zip(self.seeds, cuts, strict=True)]
        hidden = [cols[cut:] for cols, cut in zip(self.seeds, cuts, strict=True)]
        return Task(seeds, hidden, self.others, self.artists)


def main(argv: Sequence[str]) -> None:
    """Choose, score once, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.playlists", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {SET}")
    task = read(parser.parse_args(argv).data / SET)
    with threadpool_limits(1), tempfile.TemporaryDirectory(prefix="recsys-playlists-") as folder:
        als, neighbours, weights = chosen(task.validation, Path(folder))
        print(f"Chosen: {als.factors} factors, a = {als.a:g}, lambda = {als.regularization:g}; shrinkage", end=" ")
        print(f"{neighbours.shrinkage:g}; weights {', '.join(map(str, weights))} of {', '.join(PLAYLIST_PARTS)}\n")
        settings = ProductsConfig(playlist_weights=weights, reasons=False)
        print("\n".join(table(task, scored(task, _products(task, als, neighbours, settings, Path(folder) / "test")))))


def read(folder: Path) -> Task:
    """The playlists in their order; a track's column is its id.

    Raises:
        Absent: the data set is not there.
    """
    tracks, rows, later = (
        csv_table(folder / name, ",") for name in ("tracks.csv", "train_new_pos.csv", "local_test.csv")
    )
    artists = pa.array(numbers(tracks, "artist_id")[np.argsort(numbers(tracks, "track_id"))].astype(str))
    visible = _lists(*(numbers(rows, name) for name in ("playlist_id", "track_id", "pos")))
    after = _lists(*(numbers(later, name) for name in ("playlist_id", "track_id")))
    seeds = sorted(visible.keys() & after.keys())
    others = [after[each] for each in sorted(after.keys() - visible.keys())]
    return Task([visible[each] for each in seeds], [after[each] for each in seeds], others, artists)


def _lists(owners: Numbers, tracks: Numbers, places: Numbers | None = None) -> dict[int, Numbers]:
    order = np.lexsort((np.arange(len(owners)) if places is None else places, owners))
    found, first = np.unique(owners[order], return_index=True)
    return dict(zip(found.tolist(), np.split(tracks[order], first[1:]), strict=True))


def chosen(task: Task, folder: Path) -> tuple[AlsConfig, NeighboursConfig, tuple[float, float, float]]:
    """ALS by its fold-in alone, neighbours alone, then the weights of all parts together."""
    data, played = task.data, as_played([np.unique(cols) for cols in task.seeds])
    trained = [(Als(config).fit(data).component, config) for config in ALS]
    near = [(NearestTracks(config, 2).fit(data).component.similar, config) for config in NEIGHBOURS]
    found: dict[str, int] = {}
    for name, tries in (("als", [(each, None) for each in trained]), ("neighbours", [(trained[0], n) for n in near])):
        values = []
        for number, ((factors, als), similar) in enumerate(tries):
            products = _open(task, data, factors, als, similar, ProductsConfig(), folder / f"{name}-{number}")
            part = playlist_parts(products.view, played, folded_in(products.view, played), DEPTH)[name]
            lists = part.candidates(np.arange(len(task.seeds)), played, K).cols
            values.append(float(precisions(lists, task.hidden).mean()))
            print(f"{name} {number}: {values[-1]:.4f}", file=sys.stderr, flush=True)
        found[name] = int(np.argmax(values))
    (factors, als), (similar, neighbours) = trained[found["als"]], near[found["neighbours"]]
    products = _open(task, data, factors, als, (similar, neighbours), ProductsConfig(), folder / "weights")
    parts = playlist_parts(products.view, played, folded_in(products.view, played), DEPTH)
    pool = pool_of(list(parts.values()), np.arange(len(task.seeds)), played, DEPTH)

    def value(weights: tuple[float, ...]) -> float:
        totals = np.where(pool.cols >= 0, weighted_sum(pool.z, weights), -np.inf)
        best = np.argsort(-totals, axis=1, kind="stable")[:, :K]
        return float(precisions(np.take_along_axis(pool.cols, best, axis=1), task.hidden).mean())

    return als, neighbours, max(WEIGHTS, key=value)


def _products(
    task: Task, als: AlsConfig, neighbours: NeighboursConfig, settings: ProductsConfig, folder: Path
) -> Products:
    data = task.data
    similar = NearestTracks(neighbours, 2).fit(data).component.similar
    return _open(task, data, Als(als).fit(data).component, als, (similar, neighbours), settings, folder)


def _open(
    task: Task,
    data: TrainingData,
    factors: Factors,
    als: AlsConfig,
    similar: tuple[SimilarTracks, NeighboursConfig] | None,
    settings: ProductsConfig,
    folder: Path,
) -> Products:
    bundle = bundle_of(PosixStore(folder), data, factors, als, {"artist": task.artists}, similar and similar[0])
    return Products(bundle, settings)


def scored(task: Task, products: Products) -> dict[str, Floats]:
    """Average precision of each playlist, by the name of what continued it."""
    played, rows = as_played([np.unique(cols) for cols in task.seeds]), np.arange(len(task.seeds))
    parts = playlist_parts(products.view, played, folded_in(products.view, played), DEPTH)
    lists = {
        "popular tracks": products.view.popular.candidates(rows, played, K).cols,
        "same artists": parts["artists"].candidates(rows, played, K).cols,
        "neighbours (item cosine)": parts["neighbours"].candidates(rows, played, K).cols,
        "fold-in (iALS)": parts["als"].candidates(rows, played, K).cols,
        "the product": products.continue_playlist(task.seeds, K).cols,
    }
    return {name: precisions(cols, task.hidden) for name, cols in lists.items()}


def precisions(lists: npt.NDArray[np.integer], hidden: Sequence[Numbers]) -> Floats:
    """Average precision at K of each list. (n_lists,)."""
    hits = np.array([np.isin(cols, wanted) for cols, wanted in zip(lists, hidden, strict=True)])
    at_hits = (hits * np.cumsum(hits, axis=1) / np.arange(1, lists.shape[1] + 1)).sum(axis=1)
    return np.asarray(at_hits / np.array([min(K, max(len(wanted), 1)) for wanted in hidden]))


def table(task: Task, values: dict[str, Floats]) -> Iterator[str]:
    """The lines of the table: all playlists, and those of each length."""
    lengths = np.array([len(cols) for cols in task.seeds])
    kept = [(lengths >= low) & (lengths <= high) for low, high in LENGTHS]
    heads = [f"{low}-{high}" if high < 10_000 else f"{low} and more" for low, high in LENGTHS]
    yield f"| {' | '.join(['continued by', 'MAP@10', 'less item cosine', *heads])} |"
    yield "| --- " * (3 + len(heads)) + "|"
    yield f"| playlists | {len(lengths):,} | | {' | '.join(f'{int(some.sum()):,}' for some in kept)} |"
    for name, each in values.items():
        less = each - values["neighbours (item cosine)"]
        cells = [_interval(each), _interval(less, "+"), *(f"{each[some].mean():.4f}" for some in kept)]
        yield f"| {name} | {' | '.join(cells)} |"


def _interval(values: Floats, sign: str = "") -> str:
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():{sign}.4f} [{values.mean() - half:{sign}.4f}, {values.mean() + half:{sign}.4f}]"


if __name__ == "__main__":
    main(sys.argv[1:])
