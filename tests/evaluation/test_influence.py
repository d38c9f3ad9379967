"""How much an account counts: groups that act as one, and accounts that hit too often."""

import numpy as np
from scipy import sparse
from scipy.stats import binom

from recsys_tasks.evaluation.influence import too_lucky, twins_of, weights_of

K = 10
NOTHING = sparse.csr_matrix((100, 40), dtype=np.int32)


def hits(*rows):
    """A matrix of hits from the columns of each listener."""
    found = np.zeros((len(rows), 40), dtype=np.int32)
    for row, cols in enumerate(rows):
        found[row, list(cols)] = 1
    return sparse.csr_matrix(found)


class TestTwins:
    def test_a_group_with_the_same_hits_counts_as_one_listener(self):
        """Seventy accounts with one list have the weight of one, whoever plays something else has his own."""
        ring = [range(8)] * 70
        twins = twins_of(hits(*ring, range(20, 26), [3], []), NOTHING[:73], K)
        assert twins.tolist() == [69] * 70 + [0, 0, 0]
        assert weights_of(twins, np.zeros(73, dtype=bool)).sum() == 4

    def test_a_few_common_hits_make_no_twins(self):
        """Two listeners who both hit four tracks of ten are two listeners; five in common are one."""
        assert twins_of(hits(range(4), range(4)), NOTHING[:2], K).tolist() == [0, 0]
        assert twins_of(hits(range(5), range(5)), NOTHING[:2], K).tolist() == [1, 1]

    def test_one_list_is_seen_though_no_model_hits_it(self):
        """Accounts that play one list that nobody recommends are twins; who also plays much else is not."""
        album, played = range(5), hits(range(20), range(20), range(10), [*range(5), *range(20, 29)])
        assert twins_of(NOTHING[:4], played, K).tolist() == [2, 2, 3, 0]
        assert twins_of(NOTHING[:2], hits(album, album), K).tolist() == [1, 1]
        assert twins_of(NOTHING[:2], hits(range(4), range(4)), K).tolist() == [0, 0], "four plays are too few to tell"


class TestTooLucky:
    def test_full_lists_among_sparse_hits_are_left_out(self):
        """On a service where one listener in twenty hits at all, a twentieth with ten hits each are left out."""
        most = np.zeros(1400, dtype=np.int64)
        most[:70], most[70:140] = 10, 1
        lucky = too_lucky(most, np.full(1400, 10))
        assert lucky[:70].all()
        assert not lucky[70:].any()

    def test_where_hits_are_common_nobody_is(self):
        """Where a list hits one place in eight, the luckiest of 3,000 honest listeners still counts."""
        most = np.random.default_rng(3).binomial(10, 0.12, 3000)
        assert not too_lucky(most, np.full(3000, 12)).any()

    def test_the_bound_is_the_tail_of_a_binomial(self):
        """So many hits or more have a chance of less than a thousandth of one listener's share, at twice the rate of
        listeners who hit at all."""
        most = np.repeat(np.arange(9), [160, 30, 4, 1, 1, 1, 1, 1, 1])
        rate = 2 * np.count_nonzero(most) / (12 * len(most))
        rare = [hits >= 2 and binom.sf(hits - 1, 12, rate) < 1e-3 / len(most) for hits in most]
        np.testing.assert_array_equal(too_lucky(most, np.full(len(most), 12)), rare)
        assert 0 < np.count_nonzero(rare) < np.count_nonzero(most > 1)
