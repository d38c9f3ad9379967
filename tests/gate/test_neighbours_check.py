"""The exact check on the similar tracks beside the index: they are those that were trained."""

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.core.errors import BadData
from recsys_tasks.gate.exact_checks import similar_checks
from recsys_tasks.recommenders.neighbours import SIMILAR, SimilarTracks

TRAINED = SimilarTracks(sparse.csr_matrix(np.array([[0, 0.5, 0], [0.5, 0, 0.25], [0, 0.25, 0]], dtype=np.float32)))


def changed(value=0.5):
    """The same tracks with another similarity."""
    matrix = TRAINED.matrix.copy()
    matrix.data[0] = value
    return SimilarTracks(matrix)


def test_the_trained_ones_pass():
    """Equal arrays; and without such a component there is nothing to check."""
    assert all(check.passed for check in similar_checks("neighbours", changed(), TRAINED))
    assert similar_checks("neighbours", None, None) == []


@pytest.mark.parametrize("stored", [changed(0.75), None])
def test_other_ones_fail(stored):
    """Another similarity, or none where the blend names the component."""
    assert [check.passed for check in similar_checks("neighbours", stored, TRAINED)] == [False]


@pytest.mark.parametrize(
    ("name", "values"),
    [(SIMILAR[0], [5, 0, 2, 1]), (SIMILAR[1], [0, 1, 3, 5]), (SIMILAR[2], [np.nan, 1, 1, 1]), (SIMILAR[2], [1.0])],
)
def test_files_that_hold_no_neighbours_are_refused(name, values):
    """A column outside, rows that do not fit, a similarity that is no number: they would be read beyond their ends."""
    files = TRAINED.files()
    files[name] = np.array(values, dtype=files[name].dtype)
    with pytest.raises(BadData, match="Train again"):
        SimilarTracks.of(files)
