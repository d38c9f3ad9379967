"""ALS: the library minimises the formula that we cite, and starts as we say."""

import numpy as np
import pyarrow as pa
import pytest
from implicit.cpu._als import calculate_loss
from scipy import sparse
from small_plays import random_plays, vocabulary

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.als_loss import Pairs, loss_of, sampled_rows
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.factors import Factors, cold_factors, warm_factors

CONFIG = AlsConfig(factors=5, weight="log", a=2.0, regularization=3.0, max_iterations=30, tolerance=1e-6)


def start_of(plays, config=CONFIG):
    """A cold start for a matrix."""
    return cold_factors(vocabulary(plays.shape[0]), vocabulary(plays.shape[1]), config.factors, config.seed)


def train(plays, start, warm, config):
    """A training from a start."""
    return Als(config).alternate(plays, start, warm)


def dense_loss(plays, factors, config):
    """Equation 3 of Hu, Koren and Volinsky 2008 over every cell, divided by the sum of the confidences."""
    counts = plays.toarray().astype(float)
    weight = np.log1p(np.minimum(counts, config.cap)) if config.weight == "log" else np.minimum(counts, config.cap)
    c = 1 + config.a * weight
    error = (counts > 0) - factors.user_factors @ factors.item_factors.T
    norms = (factors.user_factors**2).sum() + (factors.item_factors**2).sum()
    return ((c * error**2).sum() + config.regularization * norms) / c.sum()


class TestLoss:
    @pytest.mark.parametrize("weight", ["linear", "log"])
    def test_the_library_minimises_the_formula(self, weight):
        """The loss that implicit reports is the dense formula's, for both weights and with the cap in force."""
        config = CONFIG.model_copy(update={"weight": weight, "cap": 20})
        plays = random_plays()
        trained = train(plays, start_of(plays), False, config)
        assert trained.figures.losses[-1] == pytest.approx(dense_loss(plays, trained.component, config), rel=1e-5)

    def test_it_falls_and_stops_when_it_has_settled(self):
        """No iteration raises the loss, and the last change is below the tolerance while the one before is not."""
        config = CONFIG.model_copy(update={"tolerance": 1e-3})
        losses = train(random_plays(), start_of(random_plays()), False, config).figures.losses
        changes = -np.diff(losses) / losses[:-1]
        assert (changes > -1e-6).all()
        assert changes[-1] < 1e-3 <= changes[-2]

    def test_the_fold_in_is_the_normal_equation(self):
        """A folded-in user solves equation 4 exactly; one without plays is the zero vector."""
        plays = random_plays().tolil()
        plays[7] = 0
        plays = plays.tocsr()
        items = train(random_plays(), start_of(plays), False, CONFIG).component.item_factors
        found = Als(CONFIG).user_vectors(plays, items)
        c = np.ones(plays.shape[1])
        c[plays[3].indices] += CONFIG.a * np.log1p(plays[3].data)
        left = items.T @ (c[:, None] * items) + CONFIG.regularization * np.eye(5)
        right = items.T @ (c * (plays[3].toarray()[0] > 0))
        np.testing.assert_allclose(found[3], np.linalg.solve(left, right), rtol=1e-3)
        assert not found[7].any()


class TestLossOfMany:
    def test_the_library_says_the_same_of_the_same_factors(self):
        """Our sum over played pairs and two small products is implicit's loss."""
        plays = random_plays(500, 300)
        trained = train(plays, start_of(plays), False, CONFIG).component
        theirs = calculate_loss(
            confidence(plays, CONFIG), trained.user_factors, trained.item_factors, CONFIG.regularization
        )
        assert Als(CONFIG).recorded_loss(trained, plays) == pytest.approx(theirs, rel=1e-6)

    def test_the_bits_do_not_depend_on_the_threads(self):
        """Pairs are added up in their order, however many threads fetch them."""
        plays = random_plays(500, 300)
        factors = Factors(*(np.ones((n, 5), np.float32) / 3 for n in plays.shape))
        pairs = Pairs(*sampled_rows(confidence(plays, CONFIG), 500))
        found = {
            loss_of(pairs, factors.user_factors, factors.item_factors, 3.0, threads, block_pairs=100)
            for threads in (1, 2, 5)
        }
        assert len(found) == 1

    @pytest.mark.parametrize("together", [1, 7, 10_000])
    def test_every_pair_counts_once_in_pieces_of_any_size(self, together):
        """Listeners without a play at the start, in the middle and at the end cut the pieces nowhere amiss."""
        plays = random_plays().tolil()
        plays[[0, 20, 21, 59]] = 0
        plays = plays.tocsr()
        factors = train(plays, start_of(plays), False, CONFIG).component
        pairs, regularization = Pairs(*sampled_rows(confidence(plays, CONFIG), 60)), CONFIG.regularization
        found = loss_of(pairs, factors.user_factors, factors.item_factors, regularization, 1, together, together)
        assert found == pytest.approx(dense_loss(plays, factors, CONFIG), rel=1e-6)

    def test_sampled_rows_stand_for_all(self):
        """An estimate from a fifth of the listeners is near the loss of all, and of all it is the loss itself."""
        plays = random_plays(2000, 300)
        factors = train(plays, start_of(plays), False, CONFIG.model_copy(update={"tolerance": 1e-3})).component
        weighted, exact = confidence(plays, CONFIG), Als(CONFIG).recorded_loss(factors, plays)

        def of_about(n):
            pairs = Pairs(*sampled_rows(weighted, n))
            return loss_of(pairs, factors.user_factors, factors.item_factors, CONFIG.regularization, 1)

        assert of_about(400) == pytest.approx(exact, rel=0.02)
        assert of_about(400) == Als(CONFIG, loss_listeners=400).recorded_loss(factors, plays) != exact
        assert of_about(2000) == exact

    def test_the_losses_that_are_kept_are_of_so_many_listeners(self):
        """What the gate computes again is what the training recorded last, however many listeners it is of."""
        plays, config = random_plays(2000, 300), CONFIG.model_copy(update={"tolerance": 1e-3})
        trained = Als(config, loss_listeners=50).alternate(plays, start_of(plays), False)
        assert trained.figures.losses[-1] == pytest.approx(
            Als(config, loss_listeners=50).recorded_loss(trained.component, plays), rel=1e-7
        )
        assert (np.diff(trained.figures.losses) < 0).all(), "the losses before it are of the same listeners"


class TestMapped:
    def test_a_matrix_that_cannot_be_written_to_trains_alike(self):
        """Plays as they are mapped from the store, read-only, give the factors of plays in memory."""
        plays, mapped = random_plays(), random_plays()
        for part in (mapped.data, mapped.indices, mapped.indptr):
            part.flags.writeable = False
        one, other = (train(each, start_of(each), False, CONFIG).component for each in (plays, mapped))
        assert one.item_factors.tobytes() == other.item_factors.tobytes()


class TestStart:
    def test_one_more_user_moves_nobody_elses_start(self):
        """Initial factors are a function of (seed, id), not of the position in the vocabulary."""
        few, more = (cold_factors(vocabulary(n), vocabulary(4), 5, 1) for n in (5, 6))
        np.testing.assert_array_equal(few.user_factors, more.user_factors[:5])

    def test_users_tracks_and_seeds_start_differently(self):
        """The same id as user and as track, or under another seed, has other numbers, normal with deviation 0.01."""
        one, other = (cold_factors(vocabulary(4000), vocabulary(4000), 5, seed) for seed in (1, 2))
        assert abs(np.corrcoef(one.user_factors.ravel(), one.item_factors.ravel())[0, 1]) < 0.03
        assert abs(np.corrcoef(one.user_factors.ravel(), other.user_factors.ravel())[0, 1]) < 0.03
        assert one.user_factors.std() == pytest.approx(0.01, rel=0.03)

    def test_text_ids_start_keyed_as_well(self):
        """A text id's start does not depend on its neighbours."""
        ids = [Vocabulary(pa.array(names), np.zeros(len(names), np.int32)) for names in (["b"], ["ä", "b"])]
        alone, beside = (cold_factors(v, vocabulary(1), 5, 1).user_factors[-1] for v in ids)
        np.testing.assert_array_equal(alone, beside)

    def test_a_warm_start_follows_ids_and_new_ids_start_at_zero(self):
        """Yesterday's factors land under today's row numbers, by id."""
        parent = Factors(np.array([[1.0], [2.0]], np.float32), np.array([[3.0]], np.float32))
        old, new = vocabulary(2), Vocabulary(pa.array([1, 9, 0], type=pa.int64()), np.zeros(3, np.int32))
        warm = warm_factors(parent, old, vocabulary(1), new, vocabulary(2))
        assert warm.user_factors.ravel().tolist() == [2.0, 0.0, 1.0]
        assert warm.item_factors.ravel().tolist() == [3.0, 0.0]

    def test_a_warm_start_reaches_the_cold_loss_sooner(self):
        """From the settled factors of nearly the same matrix, few iterations reach the loss of a cold start."""
        config = CONFIG.model_copy(update={"tolerance": 1e-3})
        plays = random_plays(300, 200)
        cold = train(plays, start_of(plays), False, config)
        plays.data[0] += 5
        warm = train(plays, cold.component, True, config)
        assert len(warm.figures.losses) < len(cold.figures.losses)
        assert warm.figures.losses[-1] <= cold.figures.losses[-1] * 1.001

    def test_one_iteration_is_enough_where_little_changed(self):
        """A day that moves the loss by less than four tolerances costs one iteration, one that moves it more, more."""
        config = CONFIG.model_copy(update={"tolerance": 1e-3})
        plays = random_plays(300, 200)
        parent = train(plays, start_of(plays), False, CONFIG).component
        plays.data[:3] += 5
        assert len(train(plays, parent, True, config).figures.losses) == 1
        parent.user_factors[:30] = 0
        assert len(train(plays, parent, True, config).figures.losses) > 1

    def test_what_was_appended_is_aligned_like_what_was_moved(self):
        """The short way of an ordinary day, where ids are only appended, is the way by id."""
        parent = Factors(np.array([[1.0], [2.0]], np.float32), np.array([[3.0]], np.float32))
        warm = warm_factors(parent, vocabulary(2), vocabulary(1), vocabulary(4), vocabulary(1))
        assert warm.user_factors.ravel().tolist() == [1.0, 2.0, 0.0, 0.0]
        assert warm.item_factors.ravel().tolist() == [3.0]

    def test_the_thread_count_does_not_change_the_bytes(self):
        """One solver thread and two give the same factors and the same losses, however often they are asked."""
        plays = random_plays(3000, 500)
        one, *two = (
            train(plays, start_of(plays), False, CONFIG.model_copy(update={"threads": n, "tolerance": 1e-3}))
            for n in (1, 2, 2, 2)
        )
        for again in two:
            assert one.component.item_factors.tobytes() == again.component.item_factors.tobytes()
            assert one.figures.losses == again.figures.losses
        assert one.figures.losses == tuple(float(f"{loss:.8g}") for loss in one.figures.losses), (
            "the order of threads decides the rest"
        )


class TestRefusals:
    def test_a_matrix_without_plays_is_refused(self):
        """An all-zero matrix would train to zero factors without an error."""
        nothing = sparse.csr_matrix((3, 3), dtype=np.uint32)
        with pytest.raises(BadData, match="play matrix is empty"):
            train(nothing, start_of(nothing), False, CONFIG)

    def test_factors_that_are_not_finite_are_refused(self):
        """Annoy would index and answer NaN; it never gets to see one."""
        with pytest.raises(BadData, match="1 item factors are not finite"):
            Factors(np.zeros((2, 1), np.float32), np.array([[np.nan], [1]], np.float32))
