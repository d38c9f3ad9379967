"""What diversity and the limit of artists cost in precision, on the demo's world.

    nice python -m benchmarks.diversity [--listeners N]

The world's first days are trained on, the next day's discoveries are hidden. Lists are those of the product Discover.
Precision is hits / k; unlikeness is 1 less the mean cosine of two tracks of a list. Intervals of 95 %, paired over
listeners.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from threadpoolctl import threadpool_limits

from benchmarks.bundles import bundle_of
from benchmarks.gate_calibration.recorded_worlds import DAYS, HISTORY, demo
from benchmarks.recommender_logs import Fold
from benchmarks.recommender_sets import world
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.demo.world import PRESETS, build_world
from recsys_tasks.products.products import Products
from recsys_tasks.recommenders.als import Als
from recsys_tasks.release.bundle import Bundle
from recsys_tasks.storage.posix import PosixStore

ALS = AlsConfig(a=5.6, regularization=1.8)
"""As ``benchmarks.recommenders`` tuned them for this world."""
LENGTHS = (10, 30)
CHOICES = [
    ("no limit", {"most_of_one_artist": 0}),
    *((f"{most} of an artist", {"most_of_one_artist": most}) for most in (5, 3, 2, 1)),
    *((f"3 of an artist, diversity {weight}", {"diversity": weight}) for weight in (0.05, 0.1, 0.2, 0.3, 0.5)),
]


@dataclass(frozen=True)
class Scored:
    """Lists of one choice."""

    name: str
    precisions: dict[int, npt.NDArray[np.float64]]  # length -> (n_listeners,)
    unlikeness: float
    artists: float  # on a list of 30


def main(argv: Sequence[str]) -> None:
    """Train, list, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diversity", description=__doc__)
    parser.add_argument("--listeners", type=int, default=2_000, help="who are asked at the most")
    listeners = parser.parse_args(argv).listeners
    fold = world(Path()).test[0]
    with threadpool_limits(1), tempfile.TemporaryDirectory(prefix="recsys-diversity-") as folder:
        factors = Als(ALS).fit(fold.data).component
        bundle = bundle_of(PosixStore(Path(folder)), fold.data, factors, ALS, {"artist": artists()})
        print("\n".join(table([scored(bundle, fold, listeners, name, changes) for name, changes in CHOICES])))


def artists() -> pa.Array:
    """The artist of each column of the world's fold; null for tracks of accounts that the world does not know."""
    recorded, catalogue = demo(), build_world(replace(PRESETS["demo"], days=HISTORY + DAYS)).catalogue
    ids = np.unique(np.concatenate([np.asarray(recorded.counts(n).track_ids) for n in range(HISTORY + 1)]))
    order = np.argsort(catalogue.track_ids)
    places = order[np.minimum(np.searchsorted(catalogue.track_ids[order], ids), len(order) - 1)]
    known = catalogue.track_ids[places] == ids
    return pa.array(catalogue.artist_of[places].astype(str), mask=~known)


def scored(bundle: Bundle, fold: Fold, listeners: int, name: str, changes: dict[str, float]) -> Scored:
    """The lists of one choice."""
    products, rows = Products(bundle, ProductsConfig(**{"reasons": False, **changes})), fold.rows[:listeners]
    found = {k: products.discover(rows, k).cols for k in LENGTHS}
    hits = {k: _hits(fold, rows, cols) for k, cols in found.items()}
    directions, of_col = products.view.directions(found[30]), products.artists.of_col
    cosines = directions @ directions.transpose(0, 2, 1)
    between = (cosines.sum(axis=(1, 2)) - 30) / (30 * 29)
    distinct = float(np.mean([len(np.unique(of_col[cols])) for cols in found[30]]))
    return Scored(name, {k: hit.mean(axis=1) for k, hit in hits.items()}, float(1 - between.mean()), distinct)


def _hits(fold: Fold, rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Which places hold a hidden track. (n_listeners, k)."""
    asked = np.repeat(rows, cols.shape[1]), np.maximum(cols, 0).ravel()
    return (np.asarray(fold.hidden[asked]).reshape(cols.shape) > 0) & (cols >= 0)


def table(results: Sequence[Scored]) -> Iterator[str]:
    """The lines of the table; differences are from the first."""
    yield "| lists | P@10 | less no limit | P@30 | less no limit | unlikeness | artists of 30 |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for each in results:
        cells = [cell for k in LENGTHS for cell in (f"{each.precisions[k].mean():.4f}", _less(each, results[0], k))]
        yield f"| {each.name} | {' | '.join(cells)} | {each.unlikeness:.3f} | {each.artists:.1f} |"


def _less(each: Scored, first: Scored, k: int) -> str:
    if each is first:
        return ""
    less = each.precisions[k] - first.precisions[k]
    half = 1.96 * less.std(ddof=1) / np.sqrt(len(less))
    return f"{less.mean():+.4f} [{less.mean() - half:+.4f}, {less.mean() + half:+.4f}]"


if __name__ == "__main__":
    main(sys.argv[1:])
