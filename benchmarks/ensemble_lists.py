"""What a list of several components costs a listener who waits alone, and one of a batch.

    python -m benchmarks.ensemble_lists [--size small|full] [--depth N]

The worst case: all neighbours of all tracks are drawn at random, so that a listener's tracks reach hardly any track
twice. Every listener has played 60 tracks; each component lists 100 candidates or ``--depth``, and a list has ten
places. The trees are taught by noise, and have the shape of those of a day. All sides take turns in this process; what
is told is the processor time of a listener, the least of the rounds: a machine that others use too is slower, never
faster. Beside it stands the time by the clock where two threads share a batch, as the evaluation and the deliveries use
them: half of the processor's at the best, as far as the interpreter's lock and the memory allow.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.harness import FULL, SMALL
from recsys_tasks.core.components import ContentConfig, NeighboursConfig
from recsys_tasks.core.domain import FloatArray, IntArray
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import DEPTH, Blend
from recsys_tasks.recommenders.neighbours import Neighbours, SimilarTracks
from recsys_tasks.recommenders.ranker import Ranker, trained
from recsys_tasks.recommenders.ranker_features import TrackFacts, feature_names
from recsys_tasks.recommenders.recent import RecentPlays
from recsys_tasks.recommenders.vectors import Played

TRACKS, ROUNDS = {SMALL: 50_000, FULL: 500_000}, {SMALL: 3, FULL: 10}
BATCH, ALONE, OWN, K = 256, 24, 60, 10
NAMES = ("als", "recent", "neighbours", "content")
WAYS = ("weights", "trees")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    parser.add_argument("--depth", type=int, default=DEPTH, help=f"candidates of each component ({DEPTH})")
    args = parser.parse_args()
    with threadpool_limits(1):
        sides = dict(_sides(np.random.default_rng(1), TRACKS[args.size], args.depth))
        taken = {(name, way): float("inf") for name in sides for way in MEASURED}
        for _, (name, way) in product(range(ROUNDS[args.size]), taken):
            taken[name, way] = min(taken[name, way], MEASURED[way](*sides[name]()))
    print(f"{TRACKS[args.size]:,} tracks, {args.depth} candidates of each component\n")
    print(f"| components | {' | '.join(MEASURED)} |")
    print("| --- " * (1 + len(MEASURED)) + "|")
    for name in sides:
        print(f"| {name} | {' | '.join(f'{taken[name, way]:.2f} ms' for way in MEASURED)} |")


def _alone(retriever: Retriever, history: Played) -> float:
    """Processor time of a listener who is asked alone."""
    return _milliseconds(retriever, history, [np.array([row]) for row in range(ALONE)])


def _in_batches(retriever: Retriever, history: Played) -> float:
    """Processor time of a listener of a batch."""
    return _milliseconds(retriever, history, [np.arange(BATCH)])


def _milliseconds(retriever: Retriever, history: Played, batches: list[IntArray]) -> float:
    began = time.thread_time()
    for rows in batches:
        retriever.candidates(rows, history.rows(rows), K)
    return 1000 * (time.thread_time() - began) / sum(map(len, batches))


def _in_two_threads(retriever: Retriever, history: Played) -> float:
    """Time by the clock of a listener of a batch that two threads share."""
    halves = np.array_split(np.arange(BATCH), 2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(len, halves))  # the threads are there
        began = time.perf_counter()
        list(pool.map(lambda rows: retriever.candidates(rows, history.rows(rows), K), halves))
        return 1000 * (time.perf_counter() - began) / BATCH


MEASURED: dict[str, Callable[[Retriever, Played], float]] = {
    "alone": _alone,
    f"in batches of {BATCH}": _in_batches,
    "a batch in two threads, by the clock": _in_two_threads,
}


def _sides(
    rng: np.random.Generator, n_tracks: int, depth: int
) -> Iterator[tuple[str, Callable[[], tuple[Retriever, Played]]]]:
    """What answers, by its name; each call makes one that knows nothing of its listeners yet."""
    norms = np.exp(rng.normal(size=(n_tracks, 1)))
    ranked = rank_tracks((rng.normal(size=(n_tracks, 40)) * norms).astype(np.float32))
    search = TwoTierSearch(ranked, SearchParameters(budget=5_000, search_k=0, similar_search_k=1))
    vectors: FloatArray = rng.normal(size=(BATCH, 40)).astype(np.float32)
    own = np.sort(np.stack([rng.choice(n_tracks, OWN, replace=False) for _ in range(BATCH)]), axis=1)
    history, sums = Played(np.arange(0, BATCH * OWN + 1, OWN), own.ravel()), rng.random(n_tracks)
    near, alike = (_similar(rng, n_tracks, of.nearest) for of in (NeighboursConfig(), ContentConfig()))
    facts = TrackFacts(*(rng.integers(0, most, n_tracks) for most in (1_000, 400, n_tracks // 10)))

    opened = IndexedFactors(search, vectors), RecentPlays(sums, sums, BATCH)
    opened[1].candidates(np.zeros(1, np.int64), history.rows(np.zeros(1, np.int64)), K)  # puts the tracks in order

    def components(n: int) -> list[Retriever]:
        return [*opened, Neighbours(near, history), Neighbours(alike, history)][:n]

    for n, way in product((3, 4), WAYS):
        blend, ranker = Blend((1.0,) * n, NAMES[:n], depth), _ranker(rng, NAMES[:n], facts)

        def side(n: int = n, way: str = way, blend: Blend = blend, ranker: Ranker = ranker) -> tuple[Retriever, Played]:
            parts = components(n)
            return (blend.of(parts) if way == "weights" else ranker.over(parts, history, depth)), history

        yield f"{', '.join(NAMES[:n])}, by {way}", side


def _similar(rng: np.random.Generator, n_tracks: int, nearest: int) -> SimilarTracks:
    """Neighbours that say nothing."""
    cols = np.sort(rng.integers(0, n_tracks, (n_tracks, nearest), dtype=np.int32), axis=1)
    cells = rng.random(cols.size, dtype=np.float32), cols.ravel(), np.arange(0, cols.size + 1, nearest)
    return SimilarTracks(sparse.csr_matrix(cells, shape=(n_tracks, n_tracks)))


def _ranker(rng: np.random.Generator, names: Sequence[str], facts: TrackFacts) -> Ranker:
    """Trees of noise."""
    columns = feature_names(names)
    rows = rng.normal(size=(30_000, len(columns))).astype(np.float32)
    hits = rows[:, 0] + rows[:, 2] + rows[:, -1] / 2 + rng.normal(size=len(rows)) > 3
    return Ranker(trained(rows, hits, np.full(300, 100), columns), facts)


if __name__ == "__main__":
    main()
