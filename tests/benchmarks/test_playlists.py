"""The measurement of playlists: what is hidden, and what a list is worth."""

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.playlists import Task, precisions, read


def test_average_precision_is_that_of_the_formula():
    """Hits at places 1 and 3 of four hidden tracks: (1 / 1 + 2 / 3) / 4; nothing hit is 0."""
    lists = np.array([[5, 1, 6, *range(10, 17)], [*range(20, 30)]])
    assert precisions(lists, [np.array([5, 6, 7, 8]), np.array([1])]).tolist() == pytest.approx([5 / 12, 0])


def test_the_validation_hides_the_end_of_what_is_visible():
    """A fifth of each playlist's visible tracks, its last ones; the hidden ones take no part."""
    task = Task([np.arange(10), np.array([3])], [np.array([11]), np.array([12])], [], pa.array(["a"] * 20))
    found = task.validation
    assert [cols.tolist() for cols in found.seeds] == [list(range(8)), [3]]
    assert [cols.tolist() for cols in found.hidden] == [[8, 9], []]
    assert not {11, 12} & set(found.data.plays.indices.tolist())


def test_a_playlist_stands_in_its_own_order(tmp_path):
    """Tracks by their positions, not by their rows; playlists without a visible part are learnt from."""
    (tmp_path / "tracks.csv").write_text("track_id,artist_id\n1,7\n0,8\n2,9\n")
    (tmp_path / "train_new_pos.csv").write_text("playlist_id,track_id,pos\n5,2,1\n5,0,0\n")
    (tmp_path / "local_test.csv").write_text("playlist_id,track_id\n5,1\n6,2\n6,0\n")
    task = read(tmp_path)
    assert [cols.tolist() for cols in task.seeds] == [[0, 2]]
    assert [cols.tolist() for cols in task.hidden] == [[1]]
    assert [cols.tolist() for cols in task.others] == [[2, 0]]
    assert task.artists.to_pylist() == ["8", "7", "9"]
