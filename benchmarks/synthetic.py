"""A listening service of any size, made with numpy alone and the same for the same seed: days, partitions, matrices.

Activity of listeners and popularity of tracks fall as powers of their place, and every listener has three clusters of
tracks that most of the plays go to: something that a model with a few dozen factors can learn. Tracks and listeners
arrive day by day. Days are drawn one by one from (seed, day), so any one of them can be made without the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.config import Config, parse_config
from recsys_tasks.core.domain import Day, PlayCounts, PlayMatrix, Vocabulary, day_number
from recsys_tasks.core.keyed_random import mix
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.partitions.day_traces import traces_of
from recsys_tasks.partitions.extracted_day import REASONS, ExtractedDay, figures_of
from recsys_tasks.partitions.repository import Partitions, StoredPartition
from recsys_tasks.repositories.matrices import Matrices
from recsys_tasks.steps.extract import qualification_rule
from recsys_tasks.storage.store import ArtefactStore
from recsys_tasks.storage.stored_forms import counts_digest

FIRST = date(2026, 1, 5)
CLUSTERS = 48
OWN = np.cumsum([0.55, 0.2, 0.1])  # share of the plays in a listener's clusters; the rest goes anywhere
SCRAMBLE, ID_SPACE = 2654435761, 1 << 31  # ids say nothing about place and age; two of them fit into 63 bits
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Service:
    """A service of so many days, over which its listeners and tracks arrive evenly."""

    users: int
    tracks: int
    streams_a_day: int
    days: int
    seed: int = 1
    first: Day = FIRST

    def day(self, number: int) -> Day:
        """Its date, the first being 0."""
        return self.first + timedelta(days=number)

    def there(self, of: int, number: int) -> int:
        """How many of the listeners or tracks have arrived on a day."""
        return of * (number + 1) // self.days

    def streams(self, number: int) -> tuple[Numbers, Numbers]:
        """Listener and track of each stream of a day, as ids. (streams_a_day,) each; every new track has one."""
        rng = np.random.default_rng([self.seed, number])
        n_users, n_tracks = self.there(self.users, number), self.there(self.tracks, number)
        new = np.arange(self.there(self.tracks, number - 1), n_tracks)
        users = (n_users * rng.random(self.streams_a_day) ** 1.7).astype(np.int64)
        blocks = self._blocks(rng, -(-n_tracks // CLUSTERS))
        which = np.searchsorted(OWN, rng.random(len(users)))
        taste = (mix((users * 4 + which).astype(np.uint64)) % np.uint64(CLUSTERS)).astype(np.int64)
        clusters = np.where(which < len(OWN), taste, rng.integers(CLUSTERS, size=len(users)))
        tracks = np.minimum(blocks * CLUSTERS + clusters, n_tracks - 1)
        tracks[rng.choice(len(tracks), len(new), replace=False)] = new
        return users * SCRAMBLE % ID_SPACE, tracks * SCRAMBLE % ID_SPACE

    def _blocks(self, rng: np.random.Generator, n: int) -> Numbers:
        """A block of one track of each cluster for every stream; old and new blocks are equally popular."""
        place = np.random.default_rng(self.seed).permutation(-(-self.tracks // CLUSTERS))[:n]
        weights = np.cumsum((place + 1.0) ** -0.6)
        return np.searchsorted(weights, rng.random(self.streams_a_day) * weights[-1])

    def counts(self, number: int) -> PlayCounts:
        """The partition of a day."""
        users, tracks = self.streams(number)
        pairs, plays = np.unique(users << 32 | tracks, return_counts=True)
        return PlayCounts(pa.array(pairs >> 32), pa.array(pairs & (ID_SPACE - 1)), plays.astype(np.uint32))

    def config(self, **changes: dict[str, object]) -> Config:
        """A policy for this service, with changes to its tables."""
        values: dict[str, dict[str, object]] = {
            "source": {"history_start": self.first},
            "als": {"weight": "log", "a": 2.0, "regularization": 10.0},
            "evaluation": {"salt": "recsys"},
        }
        return parse_config({name: values.get(name, {}) | changes.get(name, {}) for name in values | changes})


def service_of(divisor: int, days: int) -> Service:
    """A service of so small a share of the whole one: 1,000,000 listeners, 620,000 tracks, 2,060,000 streams a day."""
    return Service(1_000_000 // divisor, 620_000 // divisor, 2_060_000 // divisor, days)


def save_day(store: ArtefactStore, day: Day, counts: PlayCounts, rule: str) -> None:
    """Store a partition as ``extract_streams`` would, of a source in which every row counts.

    Args:
        store: where.
        day: its date.
        counts: its play counts.
        rule: digest of what decided which streams count.
    """
    streams = int(counts.plays.sum(dtype=np.int64))
    extracted = ExtractedDay(day, counts, streams, streams, dict.fromkeys(REASONS, 0), None, traces_of(counts))
    Partitions(store).save(StoredPartition(day, counts_digest(counts), rule, None, figures_of(extracted)), counts)


def save_days(store: ArtefactStore, service: Service, numbers: Iterable[int]) -> None:
    """Store the partitions of some days."""
    rule = qualification_rule(service.config().source)
    for number in numbers:
        save_day(store, service.day(number), service.counts(number), rule)


def save_history(store: ArtefactStore, service: Service, days: int) -> str:
    """Store the partitions of the first days and their matrix; the matrix's digest."""
    save_days(store, service, range(days))
    matrix = rebuilt(store, [service.day(number) for number in range(days)])
    digest = chain_digests(matrix.chain)[-1]
    Matrices(store).save(matrix, digest)
    return digest


def rebuilt(store: ArtefactStore, days: Iterable[Day]) -> PlayMatrix:
    """The matrix of some days counted anew from all partitions at once, as one would write it without a fold."""
    chain = tuple((day, str(Partitions(store).digest(day))) for day in days)
    parts = [Partitions(store).load(*link) for link in chain]
    seen = np.repeat(np.array([day_number(day) for day, _ in chain], np.int32), [len(part) for part in parts])
    users, rows = _numbered(pa.concat_arrays([part.user_ids for part in parts]), seen)
    tracks, cols = _numbered(pa.concat_arrays([part.track_ids for part in parts]), seen)
    plays = np.concatenate([part.plays for part in parts])
    counts = sparse.csr_matrix((plays, (rows, cols)), shape=(len(users), len(tracks)))  # sums what stands twice
    counts.sort_indices()
    return PlayMatrix(counts, users, tracks, chain)


def _numbered(ids: pa.Array, seen: npt.NDArray[np.int32]) -> tuple[Vocabulary, npt.NDArray[np.int32]]:
    """The vocabulary of ids by (first day, id), where ``seen`` never falls, and the row number of each."""
    encoded = ids.dictionary_encode()
    codes = np.asarray(encoded.indices)
    first = np.full(len(encoded.dictionary), np.iinfo(np.int32).max, np.int32)
    np.minimum.at(first, codes, seen)
    order = np.lexsort((np.asarray(pc.rank(encoded.dictionary)), first))
    rows = np.empty(len(order), np.int32)
    rows[order] = np.arange(len(order), dtype=np.int32)
    return Vocabulary(encoded.dictionary.take(pa.array(order)), first[order]), rows[codes]
