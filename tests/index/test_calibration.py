"""The search parameters are chosen to reach the target on other users too, and as if everything had been asked."""

from copy import copy
from functools import cache

import numpy as np
import pytest
from index_worlds import CONFIG, N_USERS, F, K, World
from numpy.testing import assert_array_equal

from recsys_tasks.index.calibration import (
    SEARCH_KS,
    _budgets,
    _reaches,
    _SampledScan,
    choose_parameters,
    sampled,
)
from recsys_tasks.index.exact_neighbours import ExactNeighbours
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.recommenders.vectors import Played


class TestChoice:
    def test_reaches_the_target_on_other_users(self, falling):
        """On falling norms a fraction of the catalogue is enough, and the heaviest listeners get no less."""
        chosen = falling.choose()
        recall = falling.measure(TwoTierSearch(falling.ranked, chosen, falling.index))
        assert min(recall.user_recall, recall.similar_recall) >= CONFIG.recall_target
        assert recall.user_recall_heaviest >= CONFIG.recall_target - 0.03
        assert recall.mean_scored <= chosen.budget < 2000
        assert (recall.n_users, recall.n_tracks) == (N_USERS, 150)

    def test_flat_norms_are_scanned_almost_to_the_end(self, flat):
        """Nothing less than nearly all of a small flat catalogue reaches the target, and so the budget grows to it."""
        chosen = flat.choose()
        assert chosen.budget > 5000
        assert flat.measure(TwoTierSearch(flat.ranked, chosen, flat.index)).user_recall >= CONFIG.recall_target

    def test_a_dozen_perfect_answers_prove_little(self):
        """Where a dozen users all found everything another dozen may not: the budget goes on growing."""
        assert not _reaches(np.ones(12), 0.95)
        assert _reaches(np.ones(400), 0.95)

    def test_a_full_scan_answers_a_target_of_one(self, flat):
        """Where no budget is enough the scan goes to the end, and then every answer is exact."""
        chosen = flat.choose(CONFIG.model_copy(update={"recall_target": 1.0}))
        recall = flat.measure(TwoTierSearch(flat.ranked, chosen, flat.index))
        assert recall.user_recall == recall.user_recall_heaviest == 1.0
        assert chosen.search_k == 0

    def test_annoy_is_asked_where_it_is_cheaper(self, flat):
        """Were Annoy's reads as cheap as the scan's, it would be asked, and would keep the promise."""
        chosen = flat.choose(annoy_weight=0.5)
        recall = flat.measure(TwoTierSearch(flat.ranked, chosen, flat.index))
        assert chosen.search_k > 0
        assert chosen.budget < 3000
        assert recall.user_recall >= CONFIG.recall_target

    def test_more_is_asked_for_more(self, falling):
        """A higher target never costs less."""
        chosen = [falling.choose(CONFIG.model_copy(update={"recall_target": t})) for t in (0.5, 0.9, 0.99)]
        assert [each.budget for each in chosen] == sorted(each.budget for each in chosen)
        assert [each.similar_search_k for each in chosen] == sorted(each.similar_search_k for each in chosen)

    def test_is_the_same_every_time(self, falling):
        """Counted, not timed: a busy machine chooses what an idle one does."""
        assert falling.choose() == falling.choose()

    def test_a_small_catalogue_is_scanned(self, tmp_path):
        """A few hundred tracks are one block, and every answer is as good as exact."""
        world = World(250, tmp_path, True)
        recall = world.measure(TwoTierSearch(world.ranked, world.choose(), world.index))
        assert recall.user_recall == recall.share_exact == 1.0

    @pytest.mark.filterwarnings("error")
    def test_without_a_sample_everything_is_scanned(self, falling):
        """No user has a vector yet: the parameters are then the safe ones, not the least ones."""
        nobody = np.zeros((0, F), np.float32), Played(np.zeros(1, int), np.zeros(0, int))
        exact = ExactNeighbours.of_ranked(falling.ranked, *nobody, np.zeros(0, int), K)
        chosen = choose_parameters(falling.ranked, falling.index, exact, CONFIG)
        assert chosen == SearchParameters(6000, 0, 60_000)


class Counted:
    """An index that counts the questions."""

    def __init__(self, index):
        self.index, self.vectors, self.items = index, [], []
        self.get_n_items, self.get_n_trees = index.get_n_items, index.get_n_trees

    def get_nns_by_vector(self, *asked, **how):
        """Counted by its search_k."""
        self.vectors.append(asked[2])
        return self.index.get_nns_by_vector(*asked, **how)

    def get_nns_by_item(self, *asked, **how):
        """Counted by its search_k."""
        self.items.append(asked[2])
        return self.index.get_nns_by_item(*asked, **how)


@cache
def asked_by_everybody(world, weight, search_k):
    """Work and recalls at every budget with what Annoy finds for all listeners, whatever the target is."""
    scan, n = _SampledScan.of(world.ranked, world.exact, weight, asked_at_once=64), len(world.ranked)
    met, cost = scan.ask(world.index, search_k, n, -np.inf)
    return {budget: (scan.work(budget, cost), scan.recalls(budget, met)) for budget in _budgets(n)}


@cache
def similar_to_everything(world, search_k):
    """Recall of every sampled track."""
    exact = world.exact
    return exact.similar_recalls(world.index, search_k, exact.asked, np.arange(len(world.ranked)))


def asked_to_the_end(world, config, weight):
    """The parameters that are to be chosen: every budget and search_k, each asked about by everybody."""
    target, n, heaviest = config.recall_target, len(world.ranked), world.exact.heaviest
    work = {(n, 0): np.inf}
    for search_k in (each for each in SEARCH_KS if weight * each < n):
        tried = asked_by_everybody(world, weight, search_k).items()
        enough = (b for b, (_, r) in tried if _reaches(r, target) and r[heaviest].mean() >= target)
        work |= {(budget, search_k): dict(tried)[budget][0] for budget in [*enough][:1]}
    everything = n * world.index.get_n_trees()
    similar = (min(100 * 2**step, everything) for step in range(20))
    found = (s for s in similar if _reaches(similar_to_everything(world, s), target))
    return SearchParameters(*min(work, key=work.get), next(found, everything))


class TestGivingUp:
    @pytest.mark.parametrize("weight", [0.25, 3, 20])
    @pytest.mark.parametrize("target", [0.6, 0.9, 0.96])
    @pytest.mark.parametrize("catalogue", ["falling", "flat", "one_tree"])
    def test_changes_no_choice(self, catalogue, target, weight, request):
        """Whether Annoy is dear or cheap, the parameters are those found by asking everybody about everything."""
        world, config = request.getfixturevalue(catalogue), CONFIG.model_copy(update={"recall_target": target})
        chosen = world.choose(config, annoy_weight=weight, asked_at_once=5)
        assert chosen == asked_to_the_end(world, config, weight)

    def test_annoy_is_not_asked_for_what_a_scan_does_for_less(self, falling):
        """Where every question costs more than the whole scan, none is asked."""
        index = Counted(falling.index)
        chosen = choose_parameters(falling.ranked, index, falling.exact, CONFIG)
        assert chosen.search_k == 0
        assert index.vectors == []

    def test_a_search_k_far_from_the_target_is_asked_a_few_times(self, flat):
        """The first hundred neighbours of a flat catalogue miss so much that the rest of the sample is spared."""
        index = Counted(flat.index)
        chosen = choose_parameters(flat.ranked, index, flat.exact, CONFIG)
        asked = {search_k: index.items.count(search_k) for search_k in set(index.items)}
        assert asked[100] < 150
        assert asked[chosen.similar_search_k] == 150

    def test_an_index_that_helps_nobody_is_asked_a_few_times(self, flat, falling):
        """Nobody more is asked once all the others could not make up for what was missed; the choice is the same."""
        world = copy(flat)
        world.index = Counted(falling.index)
        chosen = world.choose(annoy_weight=3)
        assert 0 < world.index.vectors.count(250) < N_USERS
        assert chosen == asked_to_the_end(world, CONFIG, 3)


class TestSample:
    def test_leaves_others_to_measure_on(self):
        """As many as wanted, each once and the same for the same seed, but never more than half, nor none."""
        assert len(sampled(1000, 100, 7)) == 100
        assert_array_equal(sampled(1000, 100, 7), sampled(1000, 100, 7))
        for n, found in ((1, 1), (2, 1), (3, 1), (10, 5)):
            assert len(set(sampled(n, 400, 7))) == found
        assert len(sampled(0, 400, 7)) == 0
