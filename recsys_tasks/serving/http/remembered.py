"""Finished answers of one release, packed: names stand in them again and again, so that five fit where one would."""

import pyarrow as pa
from cachetools import LRUCache

BESIDE = 300
"""Bytes that an entry takes beside its packed answer: objects of Python, and its places in two tables."""


class Remembered:
    """Bodies of answers by what was asked, the ones not asked for longest forgotten first. One thread uses it."""

    def __init__(self, most_bytes: int) -> None:
        """Nothing is kept yet. most_bytes: 0: nothing ever is."""
        self._kept: LRUCache[bytes, tuple[int, bytes]] = LRUCache(most_bytes, getsizeof=_size)

    def get(self, asked: bytes) -> bytes | None:
        """The answer that was made before; None: it was not, or is forgotten."""
        found = self._kept.get(asked)
        if found is None:
            return None
        length, packed = found
        return bytes(pa.decompress(packed, length, "lz4", asbytes=True))

    def keep(self, asked: bytes, content: bytes) -> None:
        """Keep an answer, unless it alone is larger than what there is room for."""
        if not self._kept.maxsize:
            return
        packed = bytes(pa.compress(content, "lz4", asbytes=True))
        if _size((0, packed)) <= self._kept.maxsize:
            self._kept[asked] = (len(content), packed)

    def __len__(self) -> int:
        return len(self._kept)


def _size(entry: tuple[int, bytes]) -> int:
    return BESIDE + len(entry[1])
