"""The exact checks of the play matrix and of its split: nothing lost, doubled, moved to another id or given away."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc
from scipy import sparse

from recsys_tasks.core.domain import PlayCounts, PlayMatrix, Vocabulary
from recsys_tasks.core.formatting import count
from recsys_tasks.gate.check import Check
from recsys_tasks.matrix.play_matrix import day_counts
from recsys_tasks.matrix.row_ranges import by_blocks, rows_at, rows_within
from recsys_tasks.matrix.split import Holdout, Split


@dataclass(frozen=True)
class Conservation:
    """Streams of all partitions of a matrix together."""

    read: int
    kept: int
    dropped: int


def matrix_checks(
    matrix: PlayMatrix, counts: PlayCounts, split: Split, holdout: Holdout, streams: Conservation
) -> list[Check]:
    """Everything that must be so of a matrix and its split: a few passes over the pairs.

    Args:
        matrix: all plays up to and with the day.
        counts: the partition of the day.
        split: what the model was trained with.
        holdout: the day as the gate's listeners are asked about it.
        streams: what became of the streams of the matrix's partitions.
    """
    return [
        order_check(matrix),
        conservation_check(matrix, streams),
        day_check(matrix, day_counts(counts, matrix.users, matrix.tracks), split),
        split_check(matrix, split, holdout),
    ]


def order_check(matrix: PlayMatrix) -> Check:
    """Whether row numbers are what they follow from: (first date seen, id), over dates without a hole."""
    strays = {side: _out_of_order(ids) for side, ids in (("listeners", matrix.users), ("tracks", matrix.tracks))}
    days = [day for day, _ in matrix.chain]
    holes = sum(later - day != timedelta(days=1) for day, later in pairwise(days))
    return Check(
        "order of ids",
        not any(strays.values()) and not holes,
        f"{count(strays['listeners'])} listeners and {count(strays['tracks'])} tracks out of order, "
        f"{holes} breaks in the dates",
        "none: ordered by first date and id, each date once",
    )


def _out_of_order(ids: Vocabulary) -> int:
    """Rows that do not come after the one before."""
    if len(ids) < 2:
        return 0
    later = np.diff(ids.first_days)
    rising = np.asarray(pc.less(ids.ids[:-1], ids.ids[1:]))
    return int(((later < 0) | ((later == 0) & ~rising)).sum())


def conservation_check(matrix: PlayMatrix, streams: Conservation) -> Check:
    """Whether every stream that was read is in the matrix or was dropped for a named reason."""
    read, kept, dropped, held = streams.read, streams.kept, streams.dropped, matrix.plays
    return Check(
        "streams conserved",
        read == kept + dropped and held == kept,
        f"{count(read)} read, {count(kept)} kept, {count(dropped)} dropped, {count(held)} in the matrix",
        "read = kept + dropped, and kept = in the matrix",
    )


def day_check(matrix: PlayMatrix, day: sparse.csr_matrix, split: Split) -> Check:
    """Whether each pair of the day stands under its own ids in the matrix, with at least its plays of that day.

    Args:
        matrix: all plays up to and with the day.
        day: (n_users, n_tracks) the day's partition in the matrix's row numbers.
        split: whose day has to be the same.
    """
    lacking = sum(int((rows_within(day, rows) > held).nnz) for rows, held in by_blocks(matrix.counts))
    other = int((day != split.day_counts).nnz)
    found = f"{count(lacking)} of {count(day.nnz)} pairs have fewer plays than on that day alone"
    return Check(
        "the day's plays in the matrix",
        lacking == 0 and other == 0,
        f"{found}, {count(other)} pairs have other plays in the split" if other else found,
        "none",
    )


def split_check(matrix: PlayMatrix, split: Split, holdout: Holdout) -> Check:
    """Whether the training is the matrix without the hidden listeners' day, to the play, and holds no hidden pair."""
    is_hidden = np.zeros(len(matrix.users), dtype=np.uint32)
    is_hidden[split.hidden_rows] = 1
    taken = sparse.diags_array(is_hidden, dtype=np.uint32) @ split.day_counts
    hidden = split.hidden_rows
    # more taken than there was began again at 2^32, and adds up all the same
    below_zero = int((split.day_counts[hidden] > rows_at(matrix.counts, hidden)).nnz)
    wrong = below_zero + sum(
        int((held - holdout.training[rows] != rows_within(taken, rows)).nnz) for rows, held in by_blocks(matrix.counts)
    )
    known = int(holdout.hidden.multiply(holdout.training[holdout.user_rows] > 0).nnz)
    return Check(
        "hidden plays absent",
        wrong == 0 and known == 0,
        f"{count(wrong)} pairs differ from the matrix without the hidden listeners' day, {count(known)} of "
        f"{count(holdout.hidden.nnz)} hidden pairs are known to the training",
        "none",
    )
