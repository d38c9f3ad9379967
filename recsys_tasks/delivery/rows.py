"""Lists as the rows of a table: one for each place that holds something."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.domain import FloatArray, Ids, IntArray
from recsys_tasks.delivery.products import PROPENSITY


def list_rows(
    schema: pa.Schema,
    owners: Mapping[str, Ids],
    named: Mapping[str, tuple[Ids, IntArray]],
    scores: FloatArray,
    release: int,
    propensities: FloatArray | None = None,
) -> pa.Table:
    """The places of some lists, list by list and best first.

    Args:
        schema: of the table.
        owners: column -> (n_lists,) whose list it is.
        named: column -> the ids that numbers stand for, and the numbers (n_lists, k), -1 for none. Where the first of
            them has none, there is no row; in the others, it is null.
        scores: (n_lists, k).
        release: number of the release.
        propensities: (n_lists, k) where the lists explore; NaN becomes null.
    """
    there = next(iter(named.values()))[1] >= 0
    lists, places = np.nonzero(there)
    columns: dict[str, Any] = {name: ids.take(pa.array(lists)) for name, ids in owners.items()}
    columns |= {name: _named(ids, numbers[there]) for name, (ids, numbers) in named.items()}
    columns |= {
        "rank": (places + 1).astype(np.int32),
        "score": scores[there].astype(np.float32),
        "release": np.full(len(lists), release, np.int32),
    }
    if propensities is not None:
        columns[PROPENSITY] = pa.array(propensities[there], pa.float32(), from_pandas=True)
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)


def _named(ids: Ids, numbers: npt.NDArray[np.integer[Any]]) -> Ids:
    return ids.take(pa.array(numbers, mask=numbers < 0))
