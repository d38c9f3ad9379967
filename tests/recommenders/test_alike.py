"""Similarities of some tracks to all: counted, and by products of weights."""

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.recommenders.alike import AlikeByCosine, AlikeByWeights


def played(n_tracks, n_users=60, share=0.1):
    """Who played what: all tracks of a small service, or some thousand of the last of a large one."""
    rng = np.random.default_rng(4)
    some = np.arange(max(0, n_tracks - 1_500), n_tracks)
    cells = sparse.random(n_users, len(some), share, "coo", np.float32, rng)
    shape = (n_users, n_tracks)
    return sparse.csr_matrix((np.ones(cells.nnz, np.uint32), (cells.row, some[cells.col])), shape=shape)


class TestAlikeByCosine:
    @pytest.mark.parametrize(("n_tracks", "first"), [(80, 50), (80, 0), (1 << 22, (1 << 22) - 1_500)])
    def test_counting_gives_what_multiplying_gives(self, n_tracks, first):
        """The same similarities of the same pairs but for rounding, also where a row's number and a column's do not
        fit into 32 bits together."""
        plays = played(n_tracks)
        norms = np.sqrt(np.bincount(plays.indices, minlength=n_tracks) + 3.0)
        weighted = sparse.csr_matrix((1 / norms[plays.indices], plays.indices, plays.indptr), plays.shape)
        counted, multiplied = AlikeByCosine(plays, norms, first), AlikeByWeights(weighted, first)
        np.testing.assert_array_equal(counted.work, multiplied.work)
        for start, end in ((0, n_tracks - first), (3, 20), (5, 5)):
            one, other = counted.rows(start, end), multiplied.rows(start, end)
            other.sort_indices()
            assert one.shape == other.shape
            np.testing.assert_array_equal(one.indptr, other.indptr)
            np.testing.assert_array_equal(one.indices, other.indices)
            np.testing.assert_allclose(one.data, other.data, rtol=1e-6)

    def test_a_track_that_nobody_played_is_like_nothing(self):
        """A row without plays is empty, between others that are not; and a service may have one track alone."""
        plays = sparse.csr_matrix(np.array([[1, 0, 1], [1, 0, 0]], np.uint32))
        found = AlikeByCosine(plays, np.ones(3), 0).rows(0, 3).toarray()
        assert found.tolist() == [[2, 0, 1], [0, 0, 0], [1, 0, 1]]
        assert AlikeByCosine(plays[:, :1], np.ones(1), 0).rows(0, 1).toarray().tolist() == [[2]]

    def test_norms_of_nothing_are_divided_by_nobody(self):
        """Without shrinkage a track that nobody played has no length: it is like nothing, and no warning is given."""
        plays = sparse.csr_matrix(np.array([[1, 0, 1], [1, 0, 0]], np.uint32))
        norms = np.sqrt(np.array([2.0, 0.0, 1.0]))
        with np.errstate(divide="raise"):
            found = AlikeByCosine(plays, norms, 1).rows(0, 2).toarray()
        np.testing.assert_allclose(found, [[0, 0, 0], [0.5**0.5, 0, 1]], rtol=1e-6)
