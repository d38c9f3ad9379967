"""The effort is chosen to reach the target on other users too, and the recall sees what is broken."""

from copy import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.errors import BadData
from recsys_tasks.index import calibration
from recsys_tasks.index.annoy_index import build_index, open_index
from recsys_tasks.index.calibration import _budgets, _reaches, _Scan, calibrate, measure, sampled
from recsys_tasks.index.exact_neighbours import Truth
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.index.two_tier_search import Effort, TwoTierSearch
from recsys_tasks.recommenders.vectors import Played

F, K, N_USERS = 8, 10, 200
CONFIG = IndexConfig()


class World:
    """A catalogue around common centres with its index, and two samples of listeners and of tracks."""

    def __init__(self, n_tracks, folder, falling):
        rng = np.random.default_rng(n_tracks)
        centres = rng.normal(size=(40, F))
        self.factors = centres[rng.integers(40, size=n_tracks)] + rng.normal(size=(n_tracks, F))
        self.factors /= np.linalg.norm(self.factors, axis=1, keepdims=True)
        if falling:
            self.factors *= rng.permutation((1 + np.arange(n_tracks) / 50) ** -0.6)[:, None]
        self.factors = self.factors.astype(np.float32)
        self.users = (centres[rng.integers(40, size=2 * N_USERS)] + rng.normal(size=(2 * N_USERS, F))).astype(
            np.float32
        )
        self.lists = [rng.permutation(n_tracks)[: rng.integers(0, n_tracks // 20)] for _ in range(2 * N_USERS)]
        self.ranked = rank_tracks(self.factors)
        build_index(self.ranked.ranked_factors, folder / "index.ann", 10, 1)
        self.index = open_index(folder / "index.ann", len(self.ranked), F)
        self.samples = np.split(rng.permutation(n_tracks)[:300], 2)

    def listeners(self, half):
        """User vectors and played tracks of the first or second sample."""
        lists = self.lists[half * N_USERS : (half + 1) * N_USERS]
        played = Played(np.cumsum([0, *map(len, lists)]), np.concatenate(lists).astype(np.int32))
        return self.users[half * N_USERS : (half + 1) * N_USERS], played

    def calibrate(self, config=CONFIG):
        """Effort chosen on the first samples."""
        return calibrate(self.ranked, self.index, *self.listeners(0), self.samples[0], config)

    def measure(self, search):
        """Recall on the second samples."""
        return measure(search, self.factors, *self.listeners(1), self.samples[1], K)


@pytest.fixture(scope="module")
def falling(tmp_path_factory):
    """Norms as of a model of real plays."""
    return World(6000, tmp_path_factory.mktemp("falling"), True)


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """Norms all equal."""
    return World(6000, tmp_path_factory.mktemp("flat"), False)


class TestCalibrate:
    def test_reaches_the_target_on_other_users(self, falling):
        """On falling norms a fraction of the catalogue is enough, and the heaviest listeners get no less."""
        effort = falling.calibrate()
        recall = falling.measure(TwoTierSearch(falling.ranked, effort, falling.index))
        assert min(recall.user_recall, recall.similar_recall) >= CONFIG.recall_target
        assert recall.user_recall_heaviest >= CONFIG.recall_target - 0.03
        assert recall.mean_scored <= effort.budget < 2000
        assert (recall.n_users, recall.n_tracks) == (N_USERS, 150)

    def test_flat_norms_are_scanned_almost_to_the_end(self, flat):
        """Nothing less than nearly all of a small flat catalogue reaches the target, and so the budget grows to it."""
        effort = flat.calibrate()
        assert effort.budget > 5000
        assert flat.measure(TwoTierSearch(flat.ranked, effort, flat.index)).user_recall >= CONFIG.recall_target

    def test_a_dozen_perfect_answers_prove_little(self):
        """Where a dozen users all found everything another dozen may not: the effort goes on growing."""
        assert not _reaches(np.ones(12), 0.95)
        assert _reaches(np.ones(400), 0.95)

    def test_a_full_scan_answers_a_target_of_one(self, flat):
        """Where no budget is enough the scan goes to the end, and then every answer is exact."""
        effort = flat.calibrate(CONFIG.model_copy(update={"recall_target": 1.0}))
        recall = flat.measure(TwoTierSearch(flat.ranked, effort, flat.index))
        assert recall.user_recall == recall.user_recall_heaviest == 1.0
        assert effort.search_k == 0

    def test_annoy_is_asked_where_it_is_cheaper(self, flat, monkeypatch):
        """Were Annoy's reads as cheap as the scan's, it would be asked, and would keep the promise."""
        monkeypatch.setattr("recsys_tasks.index.calibration.ANNOY_WEIGHT", 0.5)
        effort = flat.calibrate()
        recall = flat.measure(TwoTierSearch(flat.ranked, effort, flat.index))
        assert effort.search_k > 0
        assert effort.budget < 3000
        assert recall.user_recall >= CONFIG.recall_target

    def test_more_is_asked_for_more(self, falling):
        """A higher target never costs less."""
        efforts = [falling.calibrate(CONFIG.model_copy(update={"recall_target": t})) for t in (0.5, 0.9, 0.99)]
        assert [e.budget for e in efforts] == sorted(e.budget for e in efforts)
        assert [e.similar_search_k for e in efforts] == sorted(e.similar_search_k for e in efforts)

    def test_is_the_same_every_time(self, falling):
        """Counted, not timed: a busy machine chooses what an idle one does."""
        assert falling.calibrate() == falling.calibrate()

    def test_a_small_catalogue_is_scanned(self, tmp_path):
        """A few hundred tracks are one block, and every answer is as good as exact."""
        world = World(250, tmp_path, True)
        recall = world.measure(TwoTierSearch(world.ranked, world.calibrate(), world.index))
        assert recall.user_recall == recall.share_exact == 1.0

    @pytest.mark.filterwarnings("error")
    def test_without_a_sample_everything_is_scanned(self, falling):
        """No user has a vector yet: the effort is then the safe one, not the least one."""
        nobody = np.zeros((0, F), np.float32), Played(np.zeros(1, int), np.zeros(0, int))
        effort = calibrate(falling.ranked, falling.index, *nobody, np.zeros(0, int), CONFIG)
        assert effort == Effort(6000, 0, 60_000)


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
    """Work and recalls at every budget with what Annoy hands on to all listeners, whatever the target is."""
    truth = Truth.of_ranked(world.ranked, *world.listeners(0), world.samples[0], K)
    scan, n = _Scan.of(world.ranked, truth), len(world.ranked)
    assert weight == calibration.ANNOY_WEIGHT
    met, cost = scan.ask(world.index, search_k, n, -np.inf)
    return {budget: (scan.work(budget, cost), scan.recalls(budget, met)) for budget in _budgets(n)}


@cache
def similar_to_everything(world, search_k):
    """Recall of every sampled track."""
    truth = Truth.of_ranked(world.ranked, *world.listeners(0), world.samples[0], K)
    return truth.similar_recalls(world.index, search_k, truth.asked, np.arange(len(world.ranked)))


def asked_to_the_end(world, config):
    """The effort that calibrate is to choose: every budget and search_k, each asked about by everybody."""
    target, n, weight = config.recall_target, len(world.ranked), calibration.ANNOY_WEIGHT
    heaviest = Truth.of_ranked(world.ranked, *world.listeners(0), world.samples[0], K).heaviest
    work = {(n, 0): np.inf}
    for search_k in (s for s in calibration.SEARCH_KS if weight * s < n):
        tried = asked_by_everybody(world, weight, search_k).items()
        enough = (b for b, (_, r) in tried if _reaches(r, target) and r[heaviest].mean() >= target)
        work |= {(budget, search_k): dict(tried)[budget][0] for budget in [*enough][:1]}
    similar = (min(100 * 2**step, 10 * n) for step in range(20))
    found = (s for s in similar if _reaches(similar_to_everything(world, s), target))
    return Effort(*min(work, key=work.get), next(found, 10 * n))


class TestGivingUp:
    @pytest.mark.parametrize("weight", [0.25, 3, 20])
    @pytest.mark.parametrize("target", [0.6, 0.9, 0.96])
    @pytest.mark.parametrize("norms", ["falling", "flat"])
    def test_changes_no_choice(self, norms, target, weight, request, monkeypatch):
        """Whether Annoy is dear or cheap, the effort is the one found by asking everybody about everything."""
        monkeypatch.setattr(calibration, "ANNOY_WEIGHT", weight)
        monkeypatch.setattr("recsys_tasks.index.exact_neighbours.TOGETHER", 5)
        world, config = request.getfixturevalue(norms), CONFIG.model_copy(update={"recall_target": target})
        assert world.calibrate(config) == asked_to_the_end(world, config)

    def test_annoy_is_not_asked_for_what_a_scan_does_for_less(self, falling):
        """Where every question costs more than the whole scan, none is asked."""
        index = Counted(falling.index)
        effort = calibrate(falling.ranked, index, *falling.listeners(0), falling.samples[0], CONFIG)
        assert effort.search_k == 0
        assert index.vectors == []

    def test_a_search_k_far_from_the_target_is_asked_a_few_times(self, flat):
        """The first hundred neighbours of a flat catalogue miss so much that the rest of the sample is spared."""
        index = Counted(flat.index)
        effort = calibrate(flat.ranked, index, *flat.listeners(0), flat.samples[0], CONFIG)
        asked = {search_k: index.items.count(search_k) for search_k in set(index.items)}
        assert asked[100] < 150
        assert asked[effort.similar_search_k] == 150

    def test_an_index_that_helps_nobody_is_asked_a_few_times(self, flat, falling, monkeypatch):
        """Nobody more is asked once all the others could not make up for what was missed; the choice is the same."""
        monkeypatch.setattr(calibration, "ANNOY_WEIGHT", 3)
        world = copy(flat)
        world.index = Counted(falling.index)
        effort = world.calibrate()
        assert 0 < world.index.vectors.count(250) < N_USERS
        assert effort == asked_to_the_end(world, CONFIG)


class TestMeasure:
    def test_a_full_effort_is_perfect(self, flat):
        """The measure itself loses nothing: exact search has recall one, both ways."""
        recall = flat.measure(TwoTierSearch(flat.ranked, Effort(6000, 0, 60_000), flat.index))
        assert recall.user_recall == recall.similar_recall == recall.share_exact == 1.0

    def test_factors_in_another_order_than_the_norms_fail_the_users(self, falling):
        """The ranked copy answers for itself happily: only the factors as trained show that it is another's."""
        ranked = falling.ranked
        for broken in (
            replace(ranked, ranked_factors=np.ascontiguousarray(ranked.ranked_factors[::-1])),
            replace(ranked, rank_cols=np.roll(ranked.rank_cols, 1)),
        ):
            recall = falling.measure(TwoTierSearch(broken, falling.calibrate(), falling.index))
            assert recall.user_recall < 0.5

    def test_an_unsorted_catalogue_with_sorted_norms_fails_the_users(self, falling):
        """Tracks left in column order under falling norms: the bound stops the scan before the best were seen."""
        norms = falling.ranked.ranked_norms
        broken = RankedTracks(np.arange(6000, dtype=np.int32), falling.factors, norms, 6000)
        assert falling.measure(TwoTierSearch(broken, falling.calibrate(), None)).user_recall < 0.5

    def test_an_index_of_other_factors_fails_the_tracks(self, falling, flat):
        """A sound Annoy file of another model opens; its neighbours are not ours."""
        recall = falling.measure(TwoTierSearch(falling.ranked, falling.calibrate(), flat.index))
        assert recall.similar_recall < 0.5
        assert recall.user_recall >= CONFIG.recall_target

    def test_tracks_missing_from_the_index_fail_the_tracks(self, falling, tmp_path):
        """A track that has a factor but no rank counts as not found, instead of being left out."""
        loud = falling.ranked
        half = RankedTracks(loud.rank_cols[:3000], loud.ranked_factors[:3000], loud.ranked_norms[:3000], 6000)
        build_index(half.ranked_factors, tmp_path / "half.ann", 10, 1)
        search = TwoTierSearch(half, Effort(3000, 0, 30_000), open_index(tmp_path / "half.ann", 3000, F))
        recall = falling.measure(search)
        assert recall.similar_recall < 0.6
        assert recall.n_tracks == 150

    def test_an_index_of_another_size_is_refused(self, falling):
        """An item without a rank would be another track's, or nobody's."""
        empty = rank_tracks(np.zeros((6000, F), np.float32))
        with pytest.raises(BadData, match="6000 items and 0 ranked"):
            TwoTierSearch(empty, Effort(1, 0, 1), falling.index)

    def test_no_index_finds_no_tracks(self, falling):
        """Absence is a recall of zero, never of one."""
        assert falling.measure(TwoTierSearch(falling.ranked, Effort(6000, 0, 1))).similar_recall == 0

    def test_any_of_equal_tracks_is_a_hit(self, tmp_path):
        """Ten of thirty equal tracks are as right as any other ten."""
        world = World(300, tmp_path, False)
        world.factors[:] = np.repeat(world.factors[:10], 30, axis=0)
        world.ranked = rank_tracks(world.factors)
        build_index(world.ranked.ranked_factors, tmp_path / "equal.ann", 10, 1)
        index = open_index(tmp_path / "equal.ann", 300, F)
        recall = world.measure(TwoTierSearch(world.ranked, Effort(300, 0, 3000), index))
        assert recall.user_recall == recall.similar_recall == 1.0

    def test_residues_of_the_solver_cost_no_recall(self, tmp_path):
        """Scaled to norm 1 a residue would be everybody's near neighbour, and the index would seem to miss it."""
        world = World(600, tmp_path, False)
        world.factors[::2] *= 1e-9
        world.ranked = rank_tracks(world.factors)
        build_index(world.ranked.ranked_factors, tmp_path / "residue.ann", 10, 1)
        index = open_index(tmp_path / "residue.ann", 300, F)
        recall = world.measure(TwoTierSearch(world.ranked, Effort(600, 0, 6000), index))
        assert recall.user_recall == recall.similar_recall == 1.0
        assert recall.n_tracks < 150

    def test_nothing_to_measure_is_no_recall(self, falling):
        """An empty sample must not pass a gate."""
        nobody = np.zeros((0, F), np.float32), Played(np.zeros(1, int), np.zeros(0, int))
        search = TwoTierSearch(falling.ranked, Effort(1, 0, 1), falling.index)
        recall = measure(search, falling.factors, *nobody, np.zeros(0, int), K)
        assert (recall.user_recall, recall.user_recall_heaviest, recall.similar_recall, recall.n_users) == (0, 0, 0, 0)


class TestSample:
    def test_leaves_others_to_measure_on(self):
        """As many as wanted, each once and the same for the same seed, but never more than half, nor none."""
        assert len(sampled(1000, 100, 7)) == 100
        assert_array_equal(sampled(1000, 100, 7), sampled(1000, 100, 7))
        for n, found in ((1, 1), (2, 1), (3, 1), (10, 5)):
            assert len(set(sampled(n, 400, 7))) == found
        assert len(sampled(0, 400, 7)) == 0
