"""The checks of the play matrix: nothing lost, doubled, or moved to another id."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from opened_candidates import DAY, failing_of_matrix, plays_of_day, plays_of_others, thinned
from scipy import sparse

from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.gate.matrix_checks import Conservation, conservation_check, day_check
from recsys_tasks.matrix.play_matrix import canonical
from recsys_tasks.matrix.split import Split
from recsys_tasks.steps.opened_candidate import conservation_of

NOBODY = np.zeros(0, np.int64)


def doubled(opened):
    """The matrix with the day's plays of those who are not hidden counted twice."""
    counts = canonical((opened.matrix.counts + plays_of_others(opened)).astype(np.uint32))
    return replace(opened.matrix, counts=counts)


class TestConservation:
    def test_a_day_counted_twice_is_seen(self, finished, sound):
        """Each stream is in the matrix once."""
        assert failing_of_matrix(finished, doubled(sound)) == {"streams conserved"}

    def test_lost_cells_are_seen(self, finished, sound):
        """A cell that is gone takes its plays with it."""
        fewer = replace(sound.matrix, counts=thinned(sound.matrix.counts, 0.01))
        assert "streams conserved" in failing_of_matrix(finished, fewer)

    @pytest.mark.parametrize("lost", [{"read": 1}, {"kept": -1}, {"dropped": -1}], ids=str)
    def test_a_stream_without_account_is_seen(self, finished, sound, lost):
        """What was read was kept or dropped, to the stream."""
        streams = conservation_of(finished, sound.matrix.chain)
        wrong = replace(streams, **{name: getattr(streams, name) + n for name, n in lost.items()})
        assert conservation_check(sound.matrix, streams).passed
        assert not conservation_check(sound.matrix, wrong).passed

    def test_of_a_restated_partition_the_plays_count(self, copied, sound):
        """What was dropped of a version that was replaced since is not asked: its plays are read and kept."""
        link = sound.matrix.chain[-1]
        newest, counts = copied.partitions.newest(DAY), copied.partitions.load(*link)
        copied.partitions.save(replace(newest, digest="f" * 64), counts)
        kept, dropped = int(counts.plays.sum()), sum(newest.figures.dropped.values())
        assert dropped
        assert conservation_of(copied, (link,)) == Conservation(read=kept, kept=kept, dropped=0)


class TestOrder:
    def test_a_date_twice_in_the_chain_is_seen(self, finished, sound):
        """Even where matrix and partitions agree about it."""
        chain = (*sound.matrix.chain, sound.matrix.chain[-1])
        assert "order of ids" in failing_of_matrix(finished, replace(doubled(sound), chain=chain))

    @pytest.mark.parametrize("side", ["users", "tracks"])
    def test_ids_that_changed_places_are_seen(self, finished, sound, side):
        """Two ids that nobody asked for today; the order of the row numbers gives them away."""
        words = getattr(sound.matrix, side)
        day = finished.partitions.load(*sound.matrix.chain[-1])
        asked = np.isin(words.ids, getattr(day, {"users": "user_ids", "tracks": "track_ids"}[side]))
        first, second = np.flatnonzero(~asked)[[0, -1]]
        places = np.arange(len(words))
        places[[first, second]] = second, first
        shifted = Vocabulary(words.ids.take(pa.array(places)), words.first_days)
        assert failing_of_matrix(finished, replace(sound.matrix, **{side: shifted})) == {"order of ids"}


class TestDay:
    def test_a_play_under_another_track_is_seen(self, finished, sound):
        """The sum is right, and one listener's plays of the day stand under another track."""
        day = plays_of_others(sound).tocoo()
        cells = zip(day.row, day.col, day.data, strict=True)
        row, col = next((r, c) for r, c, plays in cells if sound.matrix.counts[r, c] == plays)
        counts = sound.matrix.counts.tolil()
        free = next(c for c in range(counts.shape[1]) if not counts[row, c])
        counts[row, free], counts[row, col] = counts[row, col], 0
        matrix = replace(sound.matrix, counts=canonical(counts.tocsr().astype(np.uint32)))
        assert failing_of_matrix(finished, matrix) == {"the day's plays in the matrix"}

    def test_a_split_of_another_day_is_seen(self, finished, sound):
        """The hidden listeners' plays of yesterday were taken out instead of today's: nothing else gives it away."""
        other = replace(sound.split, day_counts=plays_of_day(finished, sound.matrix, link=-2))
        assert failing_of_matrix(finished, sound.matrix, other) == {"the day's plays in the matrix"}

    def test_a_split_that_lacks_a_cell_of_the_day_is_seen(self, finished, sound):
        """One pair of the day that the split does not know is enough."""
        cells = sound.split.day_counts.copy()
        cells.data[0] = 0
        lacking = replace(sound.split, day_counts=canonical(cells))
        assert failing_of_matrix(finished, sound.matrix, lacking) == {"the day's plays in the matrix"}
        found = day_check(sound.matrix, sound.split.day_counts, lacking).found
        assert found.endswith("fewer plays than on that day alone, 1 pairs have other plays in the split")

    def test_a_day_without_plays_lacks_none(self, sound):
        """Nothing of nothing is missing."""
        nothing = sparse.csr_matrix(sound.matrix.counts.shape, dtype=np.uint32)
        assert day_check(sound.matrix, nothing, Split(NOBODY, NOBODY, nothing)).passed
