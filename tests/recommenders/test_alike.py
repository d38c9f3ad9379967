"""Similarities of some tracks to all: counted, and by products of weights."""

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.recommenders.alike import AlikeByCosine, AlikeByWeights
from recsys_tasks.recommenders.best_of_rows import best_of_rows, kept_of


def played(n_tracks, n_users=60, share=0.1):
    """Who played what: all tracks of a small service, or some thousand of the last of a large one."""
    rng = np.random.default_rng(4)
    some = np.arange(max(0, n_tracks - 1_500), n_tracks)
    cells = sparse.random(n_users, len(some), share, "coo", np.float32, rng)
    shape = (n_users, n_tracks)
    return sparse.csr_matrix((np.ones(cells.nnz, np.uint32), (cells.row, some[cells.col])), shape=shape)


def everything(alike, start, end):
    """All that some tracks are like, by column: of each row more are asked for than there are."""
    own, asked = alike.found(start, end, 2_000)
    own.sort_indices()
    asked.sort_indices()
    assert (own != asked).nnz == 0
    return own


class TestAlikeByCosine:
    @pytest.mark.parametrize(("n_tracks", "first"), [(80, 50), (80, 0), (1 << 22, (1 << 22) - 1_500)])
    def test_counting_gives_what_multiplying_gives(self, n_tracks, first):
        """The same similarities of the same pairs but for rounding, also where a row's number and a column's do not
        fit into 32 bits together."""
        plays = played(n_tracks)
        norms = np.sqrt(np.bincount(plays.indices, minlength=n_tracks) + 3.0)
        weighted = sparse.csr_matrix((1 / norms[plays.indices], plays.indices, plays.indptr), plays.shape)
        least = np.zeros(n_tracks, np.float32)
        counted, multiplied = AlikeByCosine(plays, norms, first, least), AlikeByWeights(weighted, first, least)
        np.testing.assert_array_equal(counted.work, multiplied.work)
        for start, end in ((0, n_tracks - first), (3, 20), (5, 5)):
            one, other = (everything(each, start, end) for each in (counted, multiplied))
            assert one.shape == other.shape
            np.testing.assert_array_equal(one.indptr, other.indptr)
            np.testing.assert_array_equal(one.indices, other.indices)
            np.testing.assert_allclose(one.data, other.data, rtol=1e-6)

    @pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
    @pytest.mark.parametrize("shrinkage", [0.0, 3.0])
    def test_what_nobody_asks_about_is_left_out_and_nothing_else(self, share, shrinkage):
        """The largest of each row, of equal ones those of the lowest columns, and all that exceed what their column
        asks for are as if every pair had been looked at."""
        plays, n, first, k = played(80, share=share), 80, 50, 4
        norms = np.sqrt(np.bincount(plays.indices, minlength=n) + shrinkage)
        all_of = everything(AlikeByCosine(plays, norms, first, np.zeros(n, np.float32)), 0, n - first)
        least = np.random.default_rng(5).choice(all_of.data, n)  # some are met exactly, which is not enough
        own, asked = AlikeByCosine(plays, norms, first, least).found(0, n - first, k)
        assert (best_of_rows(own, k) != best_of_rows(all_of, k)).nnz == 0
        asked, expected = (kept_of(each, each.data > least[each.indices]) for each in (asked, all_of))
        asked.sort_indices()
        assert (asked != expected).nnz == 0
        assert own.nnz < all_of.nnz or share == 0.5  # where none has one listener alone in common with another

    def test_a_track_that_nobody_played_is_like_nothing(self):
        """A row without plays is empty, between others that are not; and a service may have one track alone."""
        plays = sparse.csr_matrix(np.array([[1, 0, 1], [1, 0, 0]], np.uint32))
        least = np.zeros(3, np.float32)
        found = everything(AlikeByCosine(plays, np.ones(3), 0, least), 0, 3).toarray()
        assert found.tolist() == [[2, 0, 1], [0, 0, 0], [1, 0, 1]]
        assert everything(AlikeByCosine(plays[:, :1], np.ones(1), 0, least[:1]), 0, 1).toarray().tolist() == [[2]]

    def test_norms_of_nothing_are_divided_by_nobody(self):
        """Without shrinkage a track that nobody played has no length: it is like nothing, and no warning is given."""
        plays = sparse.csr_matrix(np.array([[1, 0, 1], [1, 0, 0]], np.uint32))
        norms = np.sqrt(np.array([2.0, 0.0, 1.0]))
        with np.errstate(divide="raise"):
            found = everything(AlikeByCosine(plays, norms, 1, np.zeros(3, np.float32)), 0, 2).toarray()
        np.testing.assert_allclose(found, [[0, 0, 0], [0.5**0.5, 0, 1]], rtol=1e-6)
