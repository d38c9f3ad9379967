"""Every file of a store, searched for people: by their ids, and by the bytes of their vectors.

Ids are looked for in every column of a Parquet file but those of tracks and counts, in which the same number or word
means something else, and in every text that holds words of people, as ``core.mentions`` understands it. Vectors are
looked for in the bytes of every other file, at each multiple of four bytes, where float32 may lie.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks.core.domain import BoolArray, FloatArray, Ids
from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.core.mentions import Mentions
from recsys_tasks.storage.store import ArtefactStore

NO_USERS = {"track_id", "plays", "listeners", "first_day", "reason", "artist_id", "related_id", "segment"}
"""Columns that never hold a user's id."""
NO_USERS_IN = ("tracks.parquet", "names.parquet", "popular.parquet", "per_user.parquet", "samples.parquet")
"""Files that hold none either: per_user has the figures of listeners, samples their tracks, without their ids."""
MADE = ("partitions/", "matrices/", "splits/", "models/", "bundles/", "deliveries/")
"""Folders in whose manifests nobody writes: a setting ``implicit`` is no mention of a listener who is called so."""
TEXTS = (".json", ".html", ".delivered", "attempted")
BLOCK = 1 << 22
"""Words of four bytes that are looked at together."""
Words = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Found:
    """What a search found in one file."""

    name: str
    people: int  # by id; 0 where only a vector, or a mention in a text, was found
    vectors: int = 0


def every_file(store: ArtefactStore, but: Collection[str] = (), folder: str = "") -> Iterator[str]:
    """Names of all objects of a store, depth first. but: folders at its root that are left out."""
    for name in store.names(folder):
        if folder or name not in but:
            path = f"{folder}/{name}" if folder else name
            below = list(every_file(store, (), path))
            yield from below or [path]


class Search:
    """A search for some people."""

    def __init__(self, ids: Ids, vectors: Collection[bytes] | None = None) -> None:
        """What is looked for.

        Args:
            ids: (n,) of the people, as partitions hold them.
            vectors: theirs, as the bytes of float32; None: none are looked for, and only files that can hold ids are
                read.
        """
        self._ids, self._mentions = ids, Mentions(ids.to_pylist())
        self._everything, self._needles = vectors is not None, _needles(vectors or ())
        self.vectors = sum(len(each) for each in self._needles)
        self.files = self.bytes = 0

    def of(self, store: ArtefactStore, names: Collection[str]) -> list[Found]:
        """What some objects of a store hold of these people; what is no file, or goes away meanwhile, holds nothing."""
        found = []
        for name in names:
            if self._everything or name.endswith((".parquet", *TEXTS)):
                try:
                    content = store.read(name)
                except (NotStored, CorruptArtefact):  # an empty folder is no plain file
                    continue
                self.files, self.bytes = self.files + 1, self.bytes + len(content)
                people, vectors = self._in(name, content)
                found += [Found(name, people, vectors)] if people or vectors else []
        return found

    def _in(self, name: str, content: bytes) -> tuple[int, int]:
        """How many people, or mentions of them, and how many vectors the content of a file holds."""
        made = name.startswith(MADE) and name.endswith(TEXTS)
        if made or name.endswith(NO_USERS_IN) or name.startswith("catalogues/"):
            return 0, 0
        if name.endswith(".parquet"):
            return self._in_table(content), 0
        if name.endswith(TEXTS):
            return int(without_mentions(self._mentions, content) is not None), 0
        return 0, sum(_count(content, each) for each in self._needles)

    def _in_table(self, content: bytes) -> int:
        """How many people stand in a table. A damaged one counts as if somebody did: nobody can say."""
        try:
            table = pq.read_table(pa.BufferReader(content))
        except (OSError, pa.ArrowException):
            return len(self._ids)
        columns = [c for c in table.column_names if table[c].type == self._ids.type and c not in NO_USERS]
        found = [pc.unique(table[c].filter(pc.is_in(table[c], self._ids))).to_pylist() for c in columns]
        return len(set().union(*found)) if found else 0


def without_mentions(mentions: Mentions, content: bytes) -> Any:
    """The JSON value, or else the text, without mentions of some people; None where nobody is mentioned."""
    try:
        value: Any = json.loads(content)
    except (ValueError, RecursionError):
        value = content.decode(errors="replace")
    after = mentions.without_in(value)
    return None if after == value else after


def own_vectors(vectors: FloatArray, there: BoolArray) -> list[bytes]:
    """The vectors of some rows that no other row has: who listened to just the same has just the same vector, and keeps
    it.

    Args:
        vectors: (n_users, n_factors) float32.
        there: (n_users,) the rows.
    """
    own = {row.tobytes() for row in vectors[there]}
    alike = ~there & np.isin(vectors[:, 0], vectors[there, 0])
    return sorted(own.difference(row.tobytes() for row in vectors[alike]))


def _needles(vectors: Collection[bytes]) -> list[Words]:
    """Vectors as words of four bytes, those of one length together; a vector of zeros is nobody's."""
    by_length: dict[int, set[bytes]] = {}
    for each in vectors:
        if any(each):
            by_length.setdefault(len(each), set()).add(each)
    return [np.frombuffer(b"".join(sorted(some)), np.uint32).reshape(len(some), -1) for some in by_length.values()]


def _count(content: bytes, needles: Words) -> int:
    """How many vectors stand in some bytes, each as often as it stands there."""
    words = np.frombuffer(content, np.uint32, len(content) // 4)
    heads, length = needles[:, 0], needles.shape[1]
    low = np.zeros(1 << 16, dtype=bool)
    low[heads & 0xFFFF] = True  # rules out nearly every word by one look
    known, found = {each.tobytes() for each in needles}, 0
    for begin in range(0, len(words), BLOCK):
        block = words[begin : begin + BLOCK]
        places = np.flatnonzero(low[block & 0xFFFF])
        places = places[np.isin(block[places], heads)] + begin
        found += sum(words[place : place + length].tobytes() in known for place in places.tolist())
    return found
