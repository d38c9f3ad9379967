"""Ids, titles and artists of track columns, as an answer shows them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import Ids
from recsys_tasks.products.lists import Cols
from recsys_tasks.serving.http.shapes import Named, Place
from recsys_tasks.storage.stored_forms import as_ids

NAMES_KEPT = 100_000
"""Tracks whose names are kept as objects, 300 bytes each."""


class Listed(NamedTuple):
    """One list of track columns, best first; -1 where nothing is left."""

    cols: Cols  # (k,)
    scores: npt.NDArray[np.float32]  # (k,)
    reasons: Cols  # (k,)


class Names:
    """The names by column. Those of the tracks on most lists are kept, so that few are looked up."""

    def __init__(self, ids: Ids, table: pa.Table) -> None:
        self._columns = [ids, as_ids(table.column("title")), as_ids(table.column("artist"))]
        self._kept: dict[int, Named] = {}

    def places(self, listed: Listed) -> list[Place]:
        """The list without the places that hold nothing."""
        scores = np.round(listed.scores.astype(float), 6).tolist()
        found = [row for row in zip(listed.cols.tolist(), scores, listed.reasons.tolist(), strict=True) if row[0] >= 0]
        kept = self._with({col for col, _, _ in found} | {reason for _, _, reason in found if reason >= 0})
        named = ((kept[col], score, kept[why] if why >= 0 else None) for col, score, why in found)
        return [Place(own.track_id, own.title, own.artist, score, why) for own, score, why in named]

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
            self._kept.update(zip(missing, map(Named, map(str, ids), titles, artists), strict=True))
        return self._kept
