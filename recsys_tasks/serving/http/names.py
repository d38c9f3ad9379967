"""Ids, titles and artists of track columns as finished JSON: a list is put together from pieces that are there."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from recsys_tasks.core.domain import Ids
from recsys_tasks.products.lists import Listed, Lists, TrackLists
from recsys_tasks.storage.stored_forms import as_ids

AT_ONCE = 1 << 10
"""Tracks whose names are made together, in a millisecond, when one of them is first listed. They are kept: 130 bytes
for each, a twentieth of what a release holds of a track."""
NULL = b"null"


NOTHING = Listed(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32))


def listed(found: TrackLists | Lists, place: int = 0) -> Listed:
    """One of several lists."""
    return Listed(found.cols[place], found.scores[place], found.reasons[place])


class Names:
    """The names by column. One thread asks."""

    def __init__(self, ids: Ids, table: pa.Table) -> None:
        self._columns = [ids, as_ids(table.column("title")), as_ids(table.column("artist"))]
        self._made: dict[int, list[bytes]] = {}  # objects without their last brace, by the number of their block
        self._encode_lines = msgspec.json.Encoder().encode_lines

    def places(self, listed: Listed) -> msgspec.Raw:
        """A list of ``Place``, without the places that hold nothing."""
        return msgspec.Raw(b"[%b]" % b",".join(self._places(listed)))

    def of(self, cols: Sequence[int]) -> msgspec.Raw:
        """A list of ``Named``."""
        return msgspec.Raw(b"[%b]" % b",".join([self._begun(col) + b"}" for col in cols]))

    def artist(self, col: int) -> str | None:
        """The name of a track's artist."""
        found: str | None = self._columns[2][col].as_py()
        return found

    def _places(self, listed: Listed) -> Iterator[bytes]:
        scores, begun = np.round(listed.scores.astype(float), 6).tolist(), self._begun
        before, because = -1, NULL  # lists like a track have one reason at every place
        for col, score, why in zip(listed.cols.tolist(), scores, listed.reasons.tolist(), strict=True):
            if col < 0:
                continue
            if why != before:
                before, because = why, NULL if why < 0 else begun(why) + b"}"
            yield b'%b,"score":%b,"because":%b}' % (begun(col), repr(score).encode(), because)

    def _begun(self, col: int) -> bytes:
        """The object of a track's names, to be closed or gone on with."""
        block = self._made.get(col // AT_ONCE)
        if block is None:
            block = self._made[col // AT_ONCE] = self._block(col // AT_ONCE)
        return block[col % AT_ONCE]

    def _block(self, number: int) -> list[bytes]:
        some = (column.slice(number * AT_ONCE, AT_ONCE).to_pylist() for column in self._columns)
        named = [{"track_id": str(i), "title": title, "artist": artist} for i, title, artist in zip(*some, strict=True)]
        return [line[:-1] for line in self._encode_lines(named).splitlines()]
