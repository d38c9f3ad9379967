"""Ids, titles and artists of track columns as finished JSON: a list is put together from pieces that are there."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from recsys_tasks.core.domain import Ids
from recsys_tasks.products.lists import Listed, Lists, TrackLists
from recsys_tasks.storage.stored_forms import as_ids

AT_ONCE = 1 << 10
"""Tracks whose names are made together, in a millisecond, when one of them is first listed. They are kept: 130 bytes
for each, a twentieth of what a release holds of a track."""


NOTHING = Listed(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32))


def listed(found: TrackLists | Lists, place: int = 0) -> Listed:
    """One of several lists."""
    return Listed(found.cols[place], found.scores[place], found.reasons[place])


class Names:
    """The names by column. One thread asks."""

    def __init__(self, ids: Ids, table: pa.Table) -> None:
        self._columns = [ids, as_ids(table.column("title")), as_ids(table.column("artist"))]
        self._made: list[bytes | None] = [None] * len(ids) + [b"null"]  # objects without their last brace; -1: none
        self._encoder = msgspec.json.Encoder()

    def places(self, listed: Listed) -> msgspec.Raw:
        """A list of ``Place``, without the places that hold nothing, which are the last."""
        n = int((listed.cols >= 0).sum())
        if not n:
            return msgspec.Raw(b"[]")
        scores, reasons = listed.scores[:n].astype(float).round(6).tolist(), listed.reasons[:n].tolist()
        pieces = [b""] * (6 * n)  # joined once: to format each place takes twice the time
        pieces[0::6] = self._begun(listed.cols[:n].tolist())
        pieces[1::6] = [b',"score":'] * n
        pieces[2::6] = self._encoder.encode(scores)[1:-1].split(b",")
        pieces[3::6] = [b',"because":'] * n
        pieces[4::6] = self._begun(reasons)
        pieces[5::6] = [b"}}," if why >= 0 else b"}," for why in reasons]
        return msgspec.Raw(b"[%b]" % b"".join(pieces)[:-1])

    def of(self, cols: Sequence[int]) -> msgspec.Raw:
        """A list of ``Named``."""
        return msgspec.Raw(b"[%b]" % b",".join([b"%b}" % begun for begun in self._begun(cols)]))

    def artist(self, col: int) -> str | None:
        """The name of a track's artist."""
        found: str | None = self._columns[2][col].as_py()
        return found

    def _begun(self, cols: Sequence[int]) -> list[bytes]:
        """The objects of some columns' names, to be closed or gone on with; null for column -1."""
        made = self._made
        found = [made[col] for col in cols]
        if not all(found):
            for col in cols:
                if made[col] is None:
                    self._make(col // AT_ONCE * AT_ONCE)
            found = [made[col] for col in cols]
        return found  # type: ignore[return-value]  # all of them are made

    def _make(self, start: int) -> None:
        some = (column.slice(start, AT_ONCE).to_pylist() for column in self._columns)
        named = [{"track_id": str(i), "title": title, "artist": artist} for i, title, artist in zip(*some, strict=True)]
        lines = [line[:-1] for line in self._encoder.encode_lines(named).splitlines()]
        self._made[start : start + len(lines)] = lines
