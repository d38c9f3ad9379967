"""Ids, titles and artists of track columns as finished JSON: a list is put together from pieces that are there."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from recsys_tasks.core.domain import Id, Ids
from recsys_tasks.products.lists import Listed, Lists, TrackLists
from recsys_tasks.storage.stored_forms import as_ids

AT_ONCE = 1 << 12
"""Tracks whose names are made together: what is in between is short-lived. What is made takes 130 bytes a track, a
twentieth of what a release holds of it."""

NOTHING = Listed(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32))


def listed(found: TrackLists | Lists, place: int = 0) -> Listed:
    """One of several lists."""
    return Listed(found.cols[place], found.scores[place], found.reasons[place])


class Names:
    """The names by column."""

    def __init__(self, ids: Ids, table: pa.Table) -> None:
        """Make those of all tracks, 0.4 microseconds each: first listed, they would hold up the first answers.

        Args:
            ids: (n,) of the tracks.
            table: (n,) with title and artist.
        """
        self._artists, self._encoder = as_ids(table.column("artist")), msgspec.json.Encoder()
        columns = [ids, as_ids(table.column("title")), self._artists]
        self._made: list[bytes] = []  # objects without their last brace
        for start in range(0, len(ids), AT_ONCE):
            self._made += self._begun_of(*(column.slice(start, AT_ONCE).to_pylist() for column in columns))
        self._made.append(b"null")  # column -1: none

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
        found: str | None = self._artists[col].as_py()
        return found

    def _begun(self, cols: Sequence[int]) -> list[bytes]:
        """The objects of some columns' names, to be closed or gone on with; null for column -1."""
        return [self._made[col] for col in cols]

    def _begun_of(self, ids: list[Id], titles: list[str | None], artists: list[str | None]) -> list[bytes]:
        """The objects of some tracks' names, as ``_begun`` hands them out."""
        named = [
            {"track_id": str(track_id), "title": title, "artist": artist}
            for track_id, title, artist in zip(ids, titles, artists, strict=True)
        ]
        return [line[:-1] for line in self._encoder.encode_lines(named).splitlines()]
