"""Libraries that find the largest inner products, behind one shape: build, settings to try, ask.

None of them knows what a user has played, so each is asked for as many more, and what was played is dropped from its
answer. A library that is not installed is left out, and said. Graphs are built with M = 16 and a width of 100, with
both cores; every question is asked on one thread.
"""

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.factors import Floats
from recsys_tasks.recommenders.vectors import Played

BUILDERS, WIDTH, CONSTRUCTION, TREES = 2, 16, 100, 20
BEAMS, PROBED = (16, 32, 64, 128, 256, 512, 1024, 2048), (1, 2, 4, 8, 16, 32, 64, 128, 256)
INSPECTED = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
Lists = npt.NDArray[np.integer[Any]]
Ask = Callable[[Floats, int, int], Lists]  # user vectors, how many, setting -> track columns, -1 for none


@dataclass(frozen=True)
class Peer:
    """One library."""

    name: str
    setting: str  # what its settings are called
    settings: tuple[int, ...]  # from least work to most
    build: Callable[[Floats], Ask]
    batches: bool = True  # whether it takes several questions at once
    needs: str = ""  # the module


@dataclass
class Built:
    """One library with an index over the tracks."""

    peer: Peer
    ask: Ask
    seconds: float
    setting: int = 0
    recalls: list[dict[str, Any]] = field(default_factory=list)

    def lists(self, users: Floats, played: Played, k: int) -> Lists:
        """The k best tracks of each user that it finds, the played ones left out."""
        counts = np.diff(played.indptr)
        found = self.ask(users, k + int(counts.max()), self.setting)
        return first_unplayed(found, played, k)


def first_unplayed(found: Lists, played: Played, k: int) -> Lists:
    """The first k of each row that were not played. (n_users, k), padded with -1."""
    if len(found) == 1:
        kept = found[0][~np.isin(found[0], played.cols)][:k]
        return np.concatenate([kept, np.full(k - len(kept), -1)])[None, :]
    rows = np.arange(len(found), dtype=np.int64)
    taken = np.repeat(rows, np.diff(played.indptr)) << 32 | played.cols
    out = np.isin(rows[:, None] << 32 | found.astype(np.int64), taken) | (found < 0)
    order = np.argsort(out, axis=1, kind="stable")[:, :k]
    return np.where(np.take_along_axis(out, order, axis=1), -1, np.take_along_axis(found.astype(np.int64), order, 1))


def build_all(tracks: Floats, left_out: tuple[str, ...]) -> Iterator[Built]:
    """Build every library that is there."""
    for peer in PEERS:
        if peer.needs and importlib.util.find_spec(peer.needs) is None:
            print(f"{peer.name} is left out: {peer.needs} is not installed.", flush=True)
        elif peer.name not in left_out:
            start = time.perf_counter()
            yield Built(peer, peer.build(tracks), time.perf_counter() - start)


def _annoy(tracks: Floats, metric: str) -> Any:
    from annoy import AnnoyIndex

    index: Any = AnnoyIndex(tracks.shape[1], metric)
    index.set_seed(1)
    for col, vector in enumerate(tracks):
        index.add_item(col, vector)
    index.build(TREES, n_jobs=BUILDERS)
    return index


def _annoy_dot(tracks: Floats) -> Ask:
    index = _annoy(tracks, "dot")
    return lambda users, k, search_k: _one_by_one(index, users, k, search_k)


def _annoy_augmented(tracks: Floats) -> Ask:
    """One coordinate more, so that all tracks are of one length and the nearest angle is the largest product."""
    squared = np.square(tracks).sum(axis=1)
    index = _annoy(np.column_stack([tracks, np.sqrt(np.maximum(squared.max() - squared, 0))]), "angular")
    zeros = np.zeros((1, 1), np.float32)
    return lambda users, k, search_k: _one_by_one(
        index, np.hstack([users, np.repeat(zeros, len(users), axis=0)]), k, search_k
    )


def _one_by_one(index: Any, users: Floats, k: int, search_k: int) -> Lists:
    lists = np.full((len(users), k), -1)
    for row, user in enumerate(users):
        found = index.get_nns_by_vector(user.tolist(), k, max(search_k, k))
        lists[row, : len(found)] = found
    return lists


def _faiss(index: Any, tracks: Floats, parameters: Callable[[int], Any]) -> Ask:
    import faiss

    faiss.omp_set_num_threads(BUILDERS)
    index.train(tracks)
    index.add(tracks)
    faiss.omp_set_num_threads(1)
    return lambda users, k, setting: index.search(users, k, params=parameters(setting))[1]


def _faiss_flat(tracks: Floats) -> Ask:
    import faiss

    return _faiss(faiss.IndexFlatIP(tracks.shape[1]), tracks, lambda _: None)


def _faiss_ivf(tracks: Floats) -> Ask:
    import faiss

    lists, coarse = int(4 * len(tracks) ** 0.5), faiss.IndexFlatIP(tracks.shape[1])
    index = faiss.IndexIVFFlat(coarse, tracks.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = 64
    return _faiss(index, tracks, lambda n: faiss.SearchParametersIVF(nprobe=n))


def _faiss_hnsw(tracks: Floats) -> Ask:
    import faiss

    index = faiss.IndexHNSWFlat(tracks.shape[1], WIDTH, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = CONSTRUCTION
    return _faiss(index, tracks, lambda n: faiss.SearchParametersHNSW(efSearch=n))


def _hnswlib(tracks: Floats) -> Ask:
    import hnswlib

    index = hnswlib.Index("ip", tracks.shape[1])
    index.init_index(len(tracks), M=WIDTH, ef_construction=CONSTRUCTION)
    index.add_items(tracks, num_threads=BUILDERS)

    def ask(users: Floats, k: int, beam: int) -> Lists:
        index.set_ef(max(beam, k))
        return index.knn_query(users, k, num_threads=1)[0].astype(np.int64)

    return ask


def _usearch(tracks: Floats) -> Ask:
    from usearch.index import Index

    index = Index(ndim=tracks.shape[1], metric="ip", dtype="f32", connectivity=WIDTH, expansion_add=CONSTRUCTION)
    index.add(np.arange(len(tracks)), tracks, threads=BUILDERS)

    def ask(users: Floats, k: int, beam: int) -> Lists:
        index.expansion_search = max(beam, k)
        found = index.search(users, k, threads=1)
        return np.atleast_2d(found.keys).astype(np.int64)

    return ask


def _voyager(tracks: Floats) -> Ask:
    import voyager

    space = voyager.Space.InnerProduct
    index = voyager.Index(space, tracks.shape[1], M=WIDTH, ef_construction=CONSTRUCTION, max_elements=len(tracks))
    by_norm = np.argsort(-np.square(tracks).sum(axis=1))  # in any other order it finds half as much
    index.add_items(tracks[by_norm], ids=by_norm, num_threads=BUILDERS)
    return lambda users, k, beam: index.query(users, k, num_threads=1, query_ef=max(beam, k))[0].astype(np.int64)


PEERS = (
    Peer("faiss, flat", "", (0,), _faiss_flat, needs="faiss"),
    Peer("faiss, IVF", "nprobe", PROBED, _faiss_ivf, needs="faiss"),
    Peer("faiss, HNSW", "efSearch", BEAMS, _faiss_hnsw, needs="faiss"),
    Peer("hnswlib", "ef", BEAMS, _hnswlib, needs="hnswlib"),
    Peer("usearch", "expansion", BEAMS, _usearch, needs="usearch"),
    Peer("voyager", "query_ef", BEAMS, _voyager, needs="voyager"),
    Peer("Annoy alone, dot", "search_k", INSPECTED, _annoy_dot, batches=False),
    Peer("Annoy alone, augmented", "search_k", INSPECTED, _annoy_augmented, batches=False),
)
GRAPHS = ("faiss, HNSW", "hnswlib", "usearch", "voyager")
