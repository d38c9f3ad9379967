"""Five listeners of the evaluation, without ids: what they heard most, and what they would have been recommended."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from recsys_tasks.core.domain import Ids
from recsys_tasks.evaluation.evaluated_models import Evaluation
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.matrix.split import Holdout

LISTENERS = "ABCDE"
HEARD = 5
"""Tracks of a listener's history that are shown."""
FIELDS = [("listener", pa.string()), ("kind", pa.string()), ("place", pa.int32())]
FIELDS += [("title", pa.string()), ("artist", pa.string()), ("hit", pa.bool_())]


def samples(holdout: Holdout, found: Evaluation, names: pa.Table, track_ids: Ids) -> pa.Table:
    """The samples as they are stored: listener, kind (heard, candidate, incumbent), place, title, artist, hit.

    The listeners stand at the tenths 1, 3, 5, 7 and 9 of the scored ones by the number of tracks that they know.

    Args:
        holdout: the day, split.
        found: its evaluation, with the lists.
        names: title and artist of each track column; a track without a title is shown by its id.
        track_ids: id of each track column.
    """
    rows = []
    for letter, user in zip(LISTENERS, sampled(found.per_user["activity"]), strict=False):
        for kind, place, col, hit in _of_listener(holdout, found, int(user)):
            name = names.slice(col, 1).to_pylist()[0]
            title = name["title"] or str(track_ids[col].as_py())
            values = (letter, kind, place, title, name["artist"], hit)
            rows.append({field: value for (field, _), value in zip(FIELDS, values, strict=True)})
    return pa.Table.from_pylist(rows, schema=pa.schema(FIELDS))


def sampled(activity: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Which of the scored listeners are shown, rising. activity: (n_scored,) number of tracks that each knows."""
    order = np.argsort(activity, kind="stable")
    if not len(order):
        return order
    return np.unique(order[np.minimum(len(order) * np.array([1, 3, 5, 7, 9]) // 10, len(order) - 1)])


def _of_listener(holdout: Holdout, found: Evaluation, user: int) -> Iterator[tuple[str, int, int, bool]]:
    """(kind, place, track column, hit) of one scored listener."""
    row = int(found.scored[user])
    for place, col in enumerate(_most_played(holdout.history[row]), 1):
        yield "heard", place, int(col), False
    hidden = holdout.hidden[[row]]
    for kind in ("candidate", "incumbent"):
        if kind in found.lists:
            places = found.lists[kind][[user]]
            for place, (col, hit) in enumerate(zip(places[0], is_hit(places, hidden)[0], strict=True), 1):
                if col >= 0:
                    yield kind, place, int(col), bool(hit)


def _most_played(history: sparse.csr_matrix) -> npt.NDArray[Any]:
    order = np.argsort(-history.data.astype(np.int64), kind="stable")
    return np.asarray(history.indices[order][:HEARD])
