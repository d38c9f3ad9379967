"""Arrays in nameless files: they hold what is put there, and leave nothing behind."""

import numpy as np
import pytest

from recsys_tasks.core.errors import StorageError
from recsys_tasks.storage.scratch import scratch_in


def test_an_array_leaves_no_file_behind(tmp_path):
    """It keeps its numbers while it lives, and its file has no name from the start: a killed process leaves nothing."""
    values = scratch_in(str(tmp_path))(1000, np.int32)
    values[:] = np.arange(1000)
    assert not list(tmp_path.iterdir())
    assert values.sum() == 499_500
    assert len(scratch_in(str(tmp_path))(0, np.float32)) == 0


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path):
    """A mapped file that cannot grow would end the process in the middle of the training."""
    with pytest.raises(StorageError, match="cannot be written"):
        scratch_in(str(tmp_path))(2**60, np.int8)
