"""Recall@10 against milliseconds a query, played tracks left out: our two tiers, exact BLAS, and the libraries for it.

    python -m benchmarks.retrieval [--size small|full]

All sides answer the same users in this process, each on one thread, one user at a time and in batches. Our search
parameters are chosen as a build chooses them, on other users than those asked. Every library is asked with more and
more of its search parameter until it finds 95 % of the exact answer, and takes part with the first that does. A table
of its own shows the sweep.

The physical limit of a search that reads all tracks is the product alone: one query reads every factor once and is
bound by memory or cache (100,000 x 40 x 4 bytes are 16 MB), a batch shares that reading and is bound by arithmetic.
Only a search that leaves tracks unread goes below it, and how many may be left depends on how fast the norms fall:
where they are flat, hardly any.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.factors import N_FACTORS, Floats, make_factors, make_played, part
from benchmarks.harness import FULL, SMALL, Line, Side, Table, compare, keep
from benchmarks.peers import GRAPHS, Built, Lists, build_all
from recsys_tasks.core.config import IndexConfig
from recsys_tasks.index.annoy_index import build_trees, open_index
from recsys_tasks.index.calibration import choose_parameters
from recsys_tasks.index.exact_neighbours import ExactNeighbours
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import ScanSizes, TwoTierSearch
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.vectors import Played

K, MEAN_PLAYED, USERS, SINGLES, TARGET, ROUNDS, SOME = 10, 70, 256, 128, 0.95, 5, 4
BATCH = ScanSizes().batch
ASKED_FOR = 100_000
FALLING, FLAT = "falling", "flat"
WORLDS = {  # (tracks, norms, peers left out)
    SMALL: ((20_000, FALLING, ()), (20_000, FLAT, ())),
    FULL: (
        (100_000, FALLING, ()),
        (100_000, FLAT, ()),
        (500_000, FALLING, tuple(name for name in GRAPHS if name != "hnswlib")),
        (500_000, FLAT, GRAPHS),
    ),
}
Query = tuple[Floats, Played]
Answer = Callable[[Floats, Played], Lists]


@dataclass(frozen=True)
class World:
    """The users that are asked about, and their exact answers."""

    queries: Query
    exact: Lists  # (n_users, K) columns of the exact answer

    def parts(self, size: int, stop: int) -> list[Query]:
        """The first users in batches of a size."""
        return [part(*self.queries, start, min(start + size, stop)) for start in range(0, stop, size)]

    def recall(self, answer: Answer, some: bool = False) -> tuple[float, float]:
        """Of all users, and of the tenth that played most: they come last. Some: of every fourth, one by one."""
        queries = self.parts(1, len(self.exact))[::SOME] if some else self.parts(BATCH, len(self.exact))
        lists = np.concatenate([answer(*query) for query in queries])
        exact = self.exact[::SOME] if some else self.exact
        hits = np.array([np.isin(best, own).mean() for best, own in zip(exact, lists, strict=True)])
        return float(hits.mean()), float(hits[-len(hits) // 10 :].mean())


def main() -> None:
    """All worlds of a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(SMALL, FULL), default=SMALL)
    size = parser.parse_args().size
    with threadpool_limits(1):
        for n_tracks, norms, left_out in WORLDS[size]:
            for table in tables(size, n_tracks, norms, left_out):
                keep(table)


def tables(size: str, n_tracks: int, norms: str, left_out: tuple[str, ...]) -> Iterator[Table]:
    """One world, asked in two ways."""
    tracks, users = make_factors(n_tracks, 2 * USERS, norms == FALLING)
    played = make_played(np.linalg.norm(tracks, axis=1), 2 * USERS, MEAN_PLAYED)
    order = np.argsort(np.diff(played.indptr)[:USERS], kind="stable")  # batches of users who played about as much
    queries = (users[order], _of_rows(played, order))
    world = World(queries, exact_top(tracks, *queries, K).cols)
    ours, note = two_tiers(tracks, part(users, played, USERS, 2 * USERS))
    peers = [tuned(world, built) for built in build_all(tracks, left_out)]
    sides: dict[str, tuple[Answer, str]] = {"two tiers": (ours, note), "exact BLAS": (exact_blas(tracks), "")}
    sides |= {built.peer.name: (_lists_of(built), _note(built)) for built in peers}
    heading = f"{n_tracks:,} tracks, {norms} norms"
    missing = f" Left out here, for the minutes that their graphs take: {', '.join(left_out)}." if left_out else ""
    alone = {b.peer.name for b in peers if not b.peer.batches}
    recalls = {name: world.recall(answer, name in alone) for name, (answer, _) in sides.items()}
    for way, batch, count in (("one at a time", 1, SINGLES), (f"in batches of {BATCH}", BATCH, USERS)):
        asked = world.parts(batch, USERS)[:: USERS // count if batch == 1 else 1]
        chosen = {name: side for name, side in sides.items() if batch == 1 or name not in alone}
        lines = measured(tracks, asked, chosen, recalls, count)
        about = (
            f"{count} users, {way}, the {K} best of {n_tracks:,} tracks of {N_FACTORS} factors without what they "
            f"played ({int(np.diff(queries[1].indptr).mean())} tracks on average, "
            f"{int(np.diff(queries[1].indptr).max())} at the most); one thread.{missing}"
        )
        sweep = [row for built in peers for row in built.recalls] if batch == 1 else []
        key = f"retrieval-{norms}-{n_tracks}-{'single' if batch == 1 else 'batch'}"
        goal = met(n_tracks, norms, lines, recalls["two tiers"][0])
        yield Table(key, f"Retrieval {way}: {heading}", size, about, lines, goal, sweep)


def two_tiers(tracks: Floats, others: Query) -> tuple[Answer, str]:
    """Our search with the parameters that a build would choose, and what these are."""
    ranked, start = rank_tracks(tracks), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        build_trees(ranked.ranked_factors, f"{folder}/index.ann", 20, 1)
        index = open_index(f"{folder}/index.ann", len(ranked), N_FACTORS)
        taken, config = time.perf_counter() - start, IndexConfig()
        sample = np.arange(0, len(tracks), len(tracks) // 100)
        exact = ExactNeighbours.of_ranked(ranked, *others, sample, config.k)
        chosen = choose_parameters(ranked, index, exact, config)
        search = TwoTierSearch(ranked, chosen, index)  # the file stays mapped
    note = f"budget {chosen.budget:,}, search_k {chosen.search_k:,}, built in {taken:.0f} s"
    return lambda users, played: search.find(users, played, K).cols, note


def exact_blas(tracks: Floats) -> Answer:
    """A full scan as one would write it for speed: one product, and a partition of each row."""

    def answer(users: Floats, played: Played) -> Lists:
        scores = users @ tracks.T
        scores[np.repeat(np.arange(len(users)), np.diff(played.indptr)), played.cols] = -np.inf
        lists = np.empty((len(users), K), dtype=np.int64)
        for row, own in enumerate(scores):
            best = np.flatnonzero(own >= np.partition(own, len(own) - K)[len(own) - K])[:K]
            lists[row] = best[np.argsort(-own[best])]
        return lists

    return answer


def tuned(world: World, built: Built) -> Built:
    """A library with the first of its settings that reaches the target, or its last one."""
    singles = world.parts(1, USERS)[:: USERS // SINGLES]
    for setting in built.peer.settings:
        built.setting = setting
        recall, heavy = world.recall(_lists_of(built), not built.peer.batches)
        start = time.perf_counter()
        for query in singles:
            built.lists(*query, K)
        taken = 1000 * (time.perf_counter() - start) / len(singles)
        row = {"library": built.peer.name, "setting": f"{built.peer.setting} {setting}" if setting else "-"}
        figures = {"recall": f"{recall:.3f}", "of the heaviest tenth": f"{heavy:.3f}", "ms a query": f"{taken:.3f}"}
        built.recalls.append(row | figures)
        if recall >= TARGET:
            break
    return built


def measured(
    tracks: Floats,
    asked: list[Query],
    chosen: dict[str, tuple[Answer, str]],
    recalls: dict[str, tuple[float, float]],
    count: int,
) -> list[Line]:
    """The sides in turn, with what a query takes and finds beside each."""

    def work(answer: Callable[..., Any]) -> Callable[[], None]:
        return lambda: [answer(*query) for query in asked] and None

    sides = [Side(name, work(answer), note) for name, (answer, note) in chosen.items()]
    product = Side("the products alone", work(lambda users, _: users @ tracks.T), "a full scan's reading", limit=True)
    slow = [replace(side, rounds=2) if side.name.startswith("Annoy") else side for side in [*sides, product]]
    lines = compare(slow, ROUNDS)
    for number, line in enumerate(lines):
        figures = [f"{1000 * line.seconds / count:.3f} ms a query"]
        if line.name in recalls:
            figures.append("recall {:.3f}, heaviest {:.3f}".format(*recalls[line.name]))
        lines[number] = replace(line, note="; ".join([*figures, *([line.note] if line.note else [])]))
    return lines


def met(n_tracks: int, norms: str, lines: list[Line], recall: float) -> str:
    """What was asked for, and what came of it."""
    ratio = next(line.ratio for line in lines if line.name == "exact BLAS")
    wanted = 10 if norms == FALLING else 1
    said = "met" if ratio >= wanted and recall >= TARGET else "missed"
    said = said if n_tracks >= ASKED_FOR else f"asked for from {ASKED_FOR:,} tracks on"
    faster = "10x faster than exact BLAS" if norms == FALLING else "not slower than exact BLAS"
    return f"asked for: recall {TARGET} ({recall:.3f}) and {faster} ({ratio:.1f}x): {said}."


def _lists_of(built: Built) -> Answer:
    return lambda users, played: built.lists(users, played, K)


def _note(built: Built) -> str:
    return f"{built.recalls[-1]['setting']}, built in {built.seconds:.0f} s".removeprefix("-, ")


def _of_rows(played: Played, rows: Any) -> Played:
    own = [played.of(row) for row in rows]
    return Played(np.cumsum([0, *map(len, own)]), np.concatenate(own))


if __name__ == "__main__":
    main()
