"""The exact checks of the play matrix and of its split: nothing lost, doubled, moved to another id or given away."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.domain import PlayMatrix, Vocabulary
from recsys_tasks.gate.verdict import Check
from recsys_tasks.matrix.holdout import Holdout
from recsys_tasks.steps.workplace import Workplace


def matrix_checks(at: Workplace, matrix: PlayMatrix, holdout: Holdout) -> list[Check]:
    """Everything that must be so of a matrix and its split: a few passes over the pairs.

    Args:
        at: the store, for what was read and dropped.
        matrix: all plays up to and with the day.
        holdout: the split that the model was trained with, and the day's partition in the matrix's row numbers.
    """
    return [
        order_check(matrix),
        conservation_check(at, matrix),
        day_check(matrix, holdout.of_day),
        split_check(matrix, holdout),
    ]


def order_check(matrix: PlayMatrix) -> Check:
    """Whether row numbers are what they follow from: (first date seen, id), over dates without a hole."""
    strays = {side: _out_of_order(ids) for side, ids in (("listeners", matrix.users), ("tracks", matrix.tracks))}
    days = [day for day, _ in matrix.chain]
    holes = sum(later - day != timedelta(days=1) for day, later in pairwise(days))
    return Check(
        "order of ids",
        not any(strays.values()) and not holes,
        f"{strays['listeners']:,} listeners and {strays['tracks']:,} tracks out of order, {holes} breaks in the dates",
        "none: ordered by first date and id, each date once",
    )


def _out_of_order(ids: Vocabulary) -> int:
    """Rows that do not come after the one before."""
    if len(ids) < 2:
        return 0
    later = np.diff(ids.first_days)
    rising = np.asarray(pc.less(ids.ids[:-1], ids.ids[1:]))
    return int(((later < 0) | ((later == 0) & ~rising)).sum())


def conservation_check(at: Workplace, matrix: PlayMatrix) -> Check:
    """Whether every stream that was read is in the matrix or was dropped for a named reason."""
    read = kept = dropped = 0
    for day, digest in matrix.chain:
        manifest = at.store.partition_manifest(day)
        if manifest is not None and manifest["digest"] == digest:
            figures = manifest["figures"]
        else:  # restated since: what was dropped from the version that the matrix holds is not known any more
            plays = int(at.store.load_partition(day, digest).plays.sum(dtype=np.int64))
            figures = {"rows_read": plays, "rows_kept": plays}
        read += figures["rows_read"]
        kept += figures["rows_kept"]
        dropped += sum(rows for name, rows in figures.items() if name.startswith("dropped_"))
    held = matrix.plays
    return Check(
        "streams conserved",
        read == kept + dropped and held == kept,
        f"{read:,} read, {kept:,} kept, {dropped:,} dropped, {held:,} in the matrix",
        "read = kept + dropped, and kept = in the matrix",
    )


def day_check(matrix: PlayMatrix, day: sparse.csr_matrix) -> Check:
    """Whether each pair of the day stands under its own ids in the matrix, with at least its plays of that day."""
    lacking = int((day > matrix.counts).nnz)
    return Check(
        "the day's plays in the matrix",
        lacking == 0,
        f"{lacking:,} of {day.nnz:,} pairs have fewer plays than on that day alone",
        "none",
    )


def split_check(matrix: PlayMatrix, holdout: Holdout) -> Check:
    """Whether the training is the matrix without the hidden listeners' day, to the play, and holds no hidden pair."""
    is_hidden = np.zeros(len(matrix.users), dtype=np.uint32)
    is_hidden[holdout.user_rows] = 1
    taken = sparse.diags_array(is_hidden, dtype=np.uint32) @ holdout.of_day
    rows = holdout.user_rows
    # more taken than there was began again at 2^32, and adds up all the same
    below_zero = int((holdout.of_day[rows] > matrix.counts[rows]).nnz)
    wrong = int((matrix.counts - holdout.training != taken).nnz) + below_zero
    known = int(holdout.hidden.multiply(holdout.training[rows] > 0).nnz)
    return Check(
        "hidden plays absent",
        wrong == 0 and known == 0,
        f"{wrong:,} pairs differ from the matrix without the hidden listeners' day, {known:,} of "
        f"{holdout.hidden.nnz:,} hidden pairs are known to the training",
        "none",
    )
