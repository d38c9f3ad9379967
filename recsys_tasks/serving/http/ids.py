"""Rows of ids as they stand in an address or a body: found by bisection, whatever their type."""

from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Id, Ids
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.release.bundle import find_row, parse_id

UUIDS = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
LONGEST_ID = 512
"""Characters: a longer one is looked up nowhere."""


class IdIndex:
    """Finds the row of an id."""

    def __init__(self, ids: Ids, order: npt.NDArray[np.integer[Any]] | None = None) -> None:
        """Order the ids, unless that is known.

        Args:
            ids: (n,) unique.
            order: (n,) rows by rising id.
        """
        self._ids = ids
        found = np.asarray(pc.sort_indices(ids)) if order is None else order
        self._order = np.asarray(found.astype(np.int64, copy=False))
        self._uuids = _are_uuids(ids)  # once: a look at all of them takes long
        self._numbers = ids.to_numpy() if pa.types.is_integer(ids.type) else None

    def row(self, text: Id) -> int | None:
        """The row of an id; None where there is none.

        Raises:
            UnknownId: it is of another type than the ids here.
        """
        if len(str(text)) > LONGEST_ID:
            raise UnknownId(f"An id has {LONGEST_ID} characters at the most.")
        wanted = self._parsed(text)
        if self._numbers is None or not len(self._numbers):
            return find_row(self._ids, self._order, wanted)
        place = int(self._numbers.searchsorted(wanted, sorter=self._order))
        row = int(self._order[min(place, len(self._order) - 1)])
        return row if self._numbers[row] == wanted else None

    def _parsed(self, text: Id) -> Id:
        if not self._uuids:
            return parse_id(self._ids, text)
        try:
            return str(UUID(str(text)))
        except ValueError:
            raise UnknownId(f"{text!r} is no id of this service: each of them is a uuid.") from None


def _are_uuids(ids: Ids) -> bool:
    if pa.types.is_integer(ids.type) or not len(ids):
        return False
    return bool(pc.all(pc.match_substring_regex(ids, UUIDS)).as_py())
