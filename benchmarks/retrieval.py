"""Recall@10 against milliseconds a query: two-tier search, exact BLAS and Annoy 'dot' on the same synthetic factors.

    python -m benchmarks.retrieval [--tracks 100000] [--users 512]

All sides run in this process, on one BLAS thread, one query at a time and (where they can) in batches of 64; a figure
is the median over rounds, in which the sides take turns, and "faster" is the median of the rounds' ratios to exact
BLAS.

The physical limit of a full scan is memory for one query: it reads every factor once (100,000 x 40 x 4 bytes = 16 MB,
1.6 ms at 10 GB/s, less where the cache holds them). A batch of 64 shares that reading and is bound by arithmetic: 0.5
Gflop, 10 ms at 50 Gflop/s, 0.16 ms a query. Only a search that leaves tracks unread goes below, and how many it may
leave depends on how fast the norms fall. Where they are flat it may leave hardly any, and two-tier search is a full
scan plus its fixed cost of about 0.25 ms of Python a call.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from annoy import AnnoyIndex
from threadpoolctl import threadpool_limits

from recsys_tasks.annoy_index import build_index, open_index
from recsys_tasks.calibration import calibrate, measure
from recsys_tasks.config import IndexConfig
from recsys_tasks.ranked_tracks import Played, exact_top, rank_tracks
from recsys_tasks.search import BATCH, TwoTierSearch

K, N_FACTORS, N_PLAYED, N_CLUSTERS, ROUNDS, SINGLES = 10, 40, 100, 200, 9, 64
DOT_SEARCH_KS = (10_000, 100_000)
Floats = npt.NDArray[np.float32]
Ask = Callable[[Floats, Played], npt.NDArray[np.integer]]  # user vectors and their played tracks -> track columns


def make_world(n_tracks: int, n_users: int, falling: bool, seed: int = 0) -> tuple[Floats, Floats, Played]:
    """Tracks and users around common centres; norms fall as (1 + place / 100) ** -0.6, or are all 1."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(N_CLUSTERS, N_FACTORS))
    tracks, users = (
        centres[rng.integers(N_CLUSTERS, size=n)] + rng.normal(size=(n, N_FACTORS)) for n in (n_tracks, n_users)
    )
    tracks /= np.linalg.norm(tracks, axis=1, keepdims=True)
    if falling:
        tracks *= rng.permutation((1 + np.arange(n_tracks) / 100) ** -0.6)[:, None]
    played = rng.integers(n_tracks, size=n_users * N_PLAYED).astype(np.int32)
    return tracks.astype(np.float32), users.astype(np.float32), Played(np.arange(n_users + 1) * N_PLAYED, played)


def part(users: Floats, played: Played, start: int, stop: int) -> tuple[Floats, Played]:
    """The query of some of the users."""
    indptr = played.indptr[start : stop + 1]
    return users[start:stop], Played(indptr - indptr[0], played.cols[indptr[0] : indptr[-1]])


def exact_blas(tracks: Floats) -> Ask:
    """A full scan as one would write it for speed: one product, and a partition of each row."""

    def ask(users: Floats, played: Played) -> npt.NDArray[np.integer]:
        scores = users @ tracks.T
        scores[np.repeat(np.arange(len(users)), np.diff(played.indptr)), played.cols] = -np.inf
        kth = np.partition(scores, len(tracks) - K, axis=1)[:, len(tracks) - K]
        lists = np.empty((len(users), K), dtype=np.int64)
        for row, own in enumerate(scores):
            best = np.flatnonzero(own >= kth[row])[:K]
            lists[row] = best[np.argsort(-own[best])]
        return lists

    return ask


def annoy_dot(tracks: Floats, search_k: int, index: AnnoyIndex) -> Ask:
    """Annoy's own inner-product search; it knows no played tracks, so it is asked for as many more."""

    def ask(users: Floats, played: Played) -> npt.NDArray[np.integer]:
        lists = np.full((len(users), K), -1)
        for row, user in enumerate(users):
            found = np.array(index.get_nns_by_vector(user.tolist(), K + N_PLAYED, search_k))
            kept = found[~np.isin(found, played.of(row))][:K]
            lists[row, : len(kept)] = kept
        return lists

    return ask


def build_dot(tracks: Floats) -> AnnoyIndex:
    """Twenty trees, as the pipeline's own index has."""
    index = AnnoyIndex(N_FACTORS, "dot")
    index.set_seed(1)
    for col, vector in enumerate(tracks):
        index.add_item(col, vector)
    index.build(20, n_jobs=1)
    return index


def seconds_a_query(ask: Ask, queries: list[tuple[Floats, Played]]) -> float:
    """One timing over all queries."""
    begin = time.perf_counter()
    for users, played in queries:
        ask(users, played)
    return (time.perf_counter() - begin) / sum(len(users) for users, _ in queries)


def report(
    name: str, asks: dict[str, Ask], queries: list[tuple[Floats, Played]], truth: npt.NDArray[np.integer]
) -> None:
    """Recall and median time of each side over the same queries. truth: (n_queries, K) track columns."""
    rounds: dict[str, list[float]] = {side: [] for side in asks}
    for _ in range(ROUNDS):
        for side, ask in asks.items():
            rounds[side].append(1e3 * seconds_a_query(ask, queries))
    for side, ask in asks.items():
        lists = np.concatenate([ask(*query) for query in queries])
        recall = np.mean([np.isin(exact, own).mean() for exact, own in zip(truth, lists, strict=True)])
        ratio = statistics.median(base / own for base, own in zip(rounds["exact BLAS"], rounds[side], strict=True))
        median = statistics.median(rounds[side])
        print(f"{name:28s} {side:22s} recall {recall:.3f}  {median:8.4f} ms  {ratio:6.2f}x faster")


def compare(n_tracks: int, n_users: int, falling: bool, folder: Path) -> None:
    """All sides on one world; the effort is calibrated on other users than those that are timed."""
    kind = "falling norms" if falling else "flat norms"
    tracks, users, played = make_world(n_tracks, 3 * n_users, falling)
    ranked = rank_tracks(tracks)
    path = folder / f"{falling}.ann"
    build_index(ranked.ranked_factors, path, 20, 1)
    index = open_index(path, len(ranked), N_FACTORS)
    sample = np.arange(0, n_tracks, max(1, n_tracks // 200))
    effort = calibrate(ranked, index, *part(users, played, n_users, 2 * n_users), sample, IndexConfig())
    search = TwoTierSearch(ranked, effort, index)
    recall = measure(search, tracks, *part(users, played, 2 * n_users, 3 * n_users), sample + 1, K)
    print(f"{kind}: {effort}\n{recall}")

    asks: dict[str, Ask] = {
        "exact BLAS": exact_blas(tracks),
        "two-tier": lambda users, played: search.find(users, played, K).cols,
    }
    truth = exact_top(tracks, *part(users, played, 0, n_users), K).cols
    batches = [part(users, played, start, min(start + BATCH, n_users)) for start in range(0, n_users, BATCH)]
    report(f"{kind}, batches of {BATCH}", asks, batches, truth)
    dot = build_dot(tracks)
    asks |= {f"Annoy dot {search_k}": annoy_dot(tracks, search_k, dot) for search_k in DOT_SEARCH_KS}
    singles = [part(users, played, row, row + 1) for row in range(SINGLES)]
    report(f"{kind}, one at a time", asks, singles, truth[:SINGLES])


def main() -> None:
    """Compare on falling norms, then on flat ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=512)
    options = parser.parse_args()
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for falling in (True, False):
            compare(options.tracks, options.users, falling, Path(folder))


if __name__ == "__main__":
    main()
