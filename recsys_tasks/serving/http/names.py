"""Ids, titles and artists of track columns, as an answer shows them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import Ids
from recsys_tasks.products.lists import Cols, Lists, TrackLists
from recsys_tasks.serving.http.shapes import Named, Place
from recsys_tasks.storage.stored_forms import as_ids

NAMES_KEPT = 100_000
"""Tracks whose names are kept as objects, 300 bytes each."""


class Listed(NamedTuple):
    """One list of track columns, best first; -1 where nothing is left."""

    cols: Cols  # (k,)
    scores: npt.NDArray[np.float32]  # (k,)
    reasons: Cols  # (k,)


NOTHING = Listed(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32))


def listed(found: TrackLists | Lists, place: int = 0) -> Listed:
    """One of several lists."""
    return Listed(found.cols[place], found.scores[place], found.reasons[place])


class Names:
    """The names by column. Those of the tracks on most lists are kept, so that few are looked up."""

    def __init__(self, ids: Ids, table: pa.Table) -> None:
        self._columns = [ids, as_ids(table.column("title")), as_ids(table.column("artist"))]
        self._kept: dict[int, Named] = {}

    def places(self, listed: Listed) -> list[Place]:
        """The list without the places that hold nothing."""
        (found,) = self.places_of([listed])
        return found

    def places_of(self, lists: Sequence[Listed]) -> list[list[Place]]:
        """Several lists: names that are missing are looked up together."""
        kept = self._with({col for each in lists for col in (*each.cols.tolist(), *each.reasons.tolist()) if col >= 0})
        return [list(_places(each, kept)) for each in lists]

    def of(self, cols: Sequence[int]) -> list[Named]:
        """The names of some columns."""
        kept = self._with(set(cols))
        return [kept[col] for col in cols]

    def _with(self, cols: set[int]) -> dict[int, Named]:
        """Names of these columns, and of some others."""
        if missing := [col for col in cols if col not in self._kept]:
            if len(self._kept) > NAMES_KEPT:
                self._kept.clear()
                missing = list(cols)
            places = pa.array(missing, pa.int64())
            ids, titles, artists = (column.take(places).to_pylist() for column in self._columns)
            found = zip(missing, ids, titles, artists, strict=True)
            self._kept.update(
                {n: {"track_id": str(i), "title": title, "artist": artist} for n, i, title, artist in found}
            )
        return self._kept


def _places(listed: Listed, kept: Mapping[int, Named]) -> Iterator[Place]:
    scores = np.round(listed.scores.astype(float), 6).tolist()
    for col, score, why in zip(listed.cols.tolist(), scores, listed.reasons.tolist(), strict=True):
        if col >= 0:
            yield {**kept[col], "score": score, "because": kept[why] if why >= 0 else None}
