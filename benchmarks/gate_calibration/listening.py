"""Listening to calibrate on: what models learn from, and which later plays they are asked for.

``synthetic`` is a world of ``recsys_tasks.demo.world``; all listeners of its last day who were known before are scored
on what they discovered on it, and the day is trained on by nobody. ``from_counts`` reads undated play counts of real
listeners and hides a fifth of them at random.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Day, PlayCounts, PlayMatrix, Vocabulary, day_number
from recsys_tasks.demo.world import World, WorldParams, build_world, day_streams
from recsys_tasks.evaluation.tuning_split import TuningSplit, split_random, split_time
from recsys_tasks.matrix.play_matrix import canonical, empty_matrix, fold, pad

MIN_MS = 30_000
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Listening:
    """A split, and the way there."""

    name: str
    split: TuningSplit
    als: AlsConfig
    yesterday: PlayMatrix | None  # what was known a day earlier; its rows are a prefix of the split's
    last_day: sparse.csr_matrix | None  # (n_users, n_tracks) the newest day that is trained on
    asked: sparse.csr_matrix | None  # (n_users, n_tracks) the day that nobody is trained on, repeats among it

    @property
    def rows(self) -> Rows:
        """Rows of the listeners who are scored: those with both history and hidden plays. Rising."""
        return np.sort(np.concatenate([self.split.choosing, self.split.reporting]))


def world_counts(world: World, day: Day) -> PlayCounts:
    """The play counts of a day, as the extraction would make them."""
    streams = day_streams(world, day)
    heard = np.flatnonzero((streams.ms_played >= MIN_MS) & ~streams.private)
    heard = heard[np.unique(streams.event_id[heard], return_index=True)[1]]
    pairs, plays = np.unique(np.stack([streams.user_id[heard], streams.track_id[heard]]), axis=1, return_counts=True)
    return PlayCounts(pa.array(pairs[0]), pa.array(pairs[1]), plays.astype(np.uint32))


def synthetic(name: str, params: WorldParams, als: AlsConfig) -> Listening:
    """A world of which all days but the last are known."""
    world = build_world(params)
    matrix = yesterday = empty_matrix(pa.int64(), pa.int64())
    for offset in range(params.days - 1):
        day = params.start + timedelta(days=offset)
        yesterday, matrix = matrix, fold(matrix, day, world_counts(world, day), str(offset))
    counts = world_counts(world, params.last_day)
    split = split_time(matrix, [(params.last_day, counts)])
    n_users, n_tracks = shape = matrix.counts.shape
    later = fold(matrix, params.last_day, counts, "").counts[:n_users, :n_tracks]
    last_day = canonical(matrix.counts - pad(yesterday.counts, shape))
    return Listening(name, split, als, yesterday, last_day, canonical(later - matrix.counts))


def thinned(plays: sparse.csr_matrix, share: float, rng: np.random.Generator) -> sparse.csr_matrix:
    """Play counts without some of their cells, drawn at random."""
    cells = plays.tocoo()
    kept = rng.random(cells.nnz) >= share
    return canonical(sparse.csr_matrix((cells.data[kept], (cells.row[kept], cells.col[kept])), shape=plays.shape))


def lost_at_source(of: Listening, share: float, rng: np.random.Generator) -> Listening:
    """The same listening, some of whose cells never reached the matrix.

    What is lost is trained on by nobody and left out of nobody's list, and a repeat of it counts as a discovery.
    """
    assert of.asked is not None  # noqa: S101 - a world has a day that is asked
    training = thinned(of.split.training, share, rng)
    hidden = canonical(of.asked - of.asked.multiply(training > 0).astype(np.uint32))
    return replace(of, split=replace(of.split, training=training, hidden=hidden))


def from_counts(name: str, path: Path, als: AlsConfig) -> Listening:
    """Undated play counts: a tab-separated file with a header whose first columns are user, item and plays."""
    table = pa.csv.read_csv(path, parse_options=pa.csv.ParseOptions(delimiter="\t"))
    (users, rows), (tracks, cols) = (_numbered(table.column(place)) for place in (0, 1))
    plays = np.asarray(table.column(2)).astype(np.uint32)
    counts = sparse.csr_matrix((plays, (rows, cols)), shape=(len(users), len(tracks)))
    return Listening(name, split_random(counts, users, tracks, seed=1), als, None, None, None)


def _numbered(ids: pa.ChunkedArray) -> tuple[Vocabulary, Rows]:
    """The distinct ids in their order, and the row of each given one."""
    unique = pa.compute.unique(ids)
    unique = unique.take(pa.compute.sort_indices(unique))
    vocabulary = Vocabulary(unique, np.full(len(unique), day_number(Day(2026, 1, 1)), np.int32))
    return vocabulary, vocabulary.rows_of(ids.combine_chunks())
