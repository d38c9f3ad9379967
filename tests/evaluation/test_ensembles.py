"""Choosing components: what pays is found, nothing of those who are reported on decides, and the simplest stays."""

from dataclasses import replace
from itertools import count

import numpy as np
import pyarrow as pa
import pytest
from fashions import ALS, N_TRACKS, N_USERS, TODAY, material, options
from scipy import sparse

from recsys_tasks.core.components import NeighboursConfig, RecentConfig
from recsys_tasks.core.domain import Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.evaluation import ensemble_rounds
from recsys_tasks.evaluation.ensemble_data import Group, Once, faded
from recsys_tasks.evaluation.ensemble_joining import Ensemble
from recsys_tasks.evaluation.ensemble_parts import parts_to_try, recents_to_try
from recsys_tasks.evaluation.ensemble_rounds import GROWTH, factors_of, halved, sizes_of
from recsys_tasks.evaluation.ensemble_tuning import simplest, tune_components
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.metrics import ndcg
from recsys_tasks.evaluation.tuning_scores import is_near
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.blend import weighted_sum
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.pools import best_of, pool_of
from recsys_tasks.recommenders.recent import Recent, recents_of


@pytest.fixture(scope="module")
def fashionable():
    """A service on which the tracks of the day are discovered."""
    return material(0.15)


@pytest.fixture(scope="module")
def tuned(fashionable):
    """What is chosen for it."""
    return tune_components(fashionable, ALS, TODAY, options())


def test_neighbours_by_ease_are_tried_with_what_the_configuration_says_of_them(fashionable):
    """Three lambdas, each with the size of today's settings, and with a hundred neighbours where today has fewer; so
    has BM25, while the cosine is asked about few as well."""
    today = replace(TODAY, neighbours=NeighboursConfig(nearest=20, ease_tracks=30))
    tried = parts_to_try(today, fashionable)["neighbours"]
    found = [part for part in tried if part.similarity == "ease"]
    assert [part.ease_regularization for part in found] == [200, 1_000, 5_000]
    assert {(part.nearest, part.ease_tracks) for part in found} == {(100, 30)}
    assert {part.nearest for part in tried if part.similarity == "bm25"} == {100}
    assert {part.nearest for part in tried if part.similarity == "cosine"} == {20, 50, 100, 200}


class TestChoice:
    def test_what_pays_is_chosen_and_its_gain_told(self, tuned):
        """Recent plays win over ALS on listeners on whom nothing was chosen, with the shortest half-life."""
        rows = {row.lists: row for row in tuned.rows}
        (name,) = {"recent", "discoveries"} & set(tuned.chosen.parts)
        assert tuned.settings[name].half_life_days[0] == 1
        (chosen,) = (row for row in tuned.rows if row.chosen)
        assert chosen.over_als.ndcg.low > 0
        alone = {f"{each.label} alone" for each in recents_of(tuned.settings[name])}
        assert {"ALS alone", "neighbours alone"} | alone <= rows.keys()
        (without,) = rows.keys() & {f"without {each}, by weights" for each in ("recent", "discoveries")}
        assert rows[without].means.ndcg < chosen.means.ndcg

    def test_an_ensemble_counts_listeners_or_discoveries(self, tuned):
        """The best of both are tried in every ensemble that could have them, and in none together; what gains more
        beside ALS is part of the whole."""
        ensembles = [set(each.parts) for each, _ in tuned.validation]
        assert len(ensembles) == 1 + 5
        assert not any({"recent", "discoveries"} <= parts for parts in ensembles)
        beside_als = {
            name: max(each.ndcg for each in tuned.tried if each.name == name) for name in ("recent", "discoveries")
        }
        whole = {row.lists for row in tuned.rows} & {f"ALS, {name}, neighbours, by weights" for name in beside_als}
        assert f"ALS, {max(beside_als, key=lambda name: beside_als[name])}, neighbours, by weights" in whole

    def test_the_reporting_listeners_confirm_and_choose_nothing_else(self, fashionable, tuned):
        """Other hidden plays of theirs change neither trials nor what is preferred. Here they are any tracks, so that
        a gain may be chance as well: it is not confirmed, and ALS stays alone."""
        rng, asked = np.random.default_rng(2), fashionable.split.reporting
        swapped = fashionable.split.hidden.toarray()
        swapped[asked] = 0
        swapped[asked, rng.integers(0, N_TRACKS, len(asked))] = 1
        split = replace(fashionable.split, hidden=sparse.csr_matrix(swapped))
        other = tune_components(replace(fashionable, split=split), ALS, TODAY, options())
        assert (other.preferred, other.tried, other.validation) == (tuned.preferred, tuned.tried, tuned.validation)
        (confirmed,) = (row.lists for row in tuned.rows if row.chosen)
        (gain,) = (row.over_als.ndcg for row in other.rows if row.lists == confirmed)
        assert gain.low < 0 < gain.high
        assert (other.chosen, tuned.chosen) == (Ensemble(), tuned.preferred)
        assert [row.lists for row in other.rows if row.chosen] == ["ALS alone"]

    def test_ensembles_are_chosen_by_what_the_last_round_measured(self, tuned):
        """Of ALS alone, and of it with the best setting of a component, the listeners of validation say what they said
        in the round: the fitting ones, on whom weights are learnt, choose nothing."""
        said = dict(tuned.validation)
        for name, part in tuned.settings.items():
            (last,) = (t for t in tuned.tried if (t.name, t.part, t.listeners) == (name, part, N_USERS))
            assert (said[Ensemble((name,))], said[Ensemble()]) == (last.ndcg, last.als)

    def test_both_half_lives_of_a_setting_take_part(self, fashionable, monkeypatch):
        """A part of two components is worth to an ensemble what it was worth when it was tried."""
        both = RecentConfig(half_life_days=(60.0, 1.0))
        monkeypatch.setattr(ensemble_rounds, "parts_to_try", lambda *_: {"recent": [both]})
        found = tune_components(fashionable, ALS, TODAY, options(least_sample=N_USERS))
        assert dict(found.validation)[Ensemble(("recent",))] == found.tried[0].ndcg > found.tried[0].als

    def test_what_validation_played_only_chooses(self, fashionable, monkeypatch):
        """Weights and trees are learnt on the fitting listeners: whatever those of validation played, each ensemble of
        the same settings is worth the same to the reporting ones, and each component alone what its own lists are."""
        pytest.importorskip("lightgbm")
        monkeypatch.setattr(ensemble_rounds, "parts_to_try", lambda *_: {"recent": [TODAY.recent]})
        sample = fashionable.sample(N_USERS)  # row numbers are those of the material
        swapped = fashionable.split.hidden.tolil()
        swapped[sample.validation] = swapped[sample.validation[::-1]]
        split = replace(fashionable.split, hidden=sparse.csr_matrix(swapped))
        one, other = (
            {row.lists: row.means for row in tune_components(each, ALS, TODAY, options(trees=True)).rows}
            for each in (fashionable, replace(fashionable, split=split))
        )
        wholes = {f"ALS, recent, by {what}" for what in ("trees", "weights")}
        assert wholes <= one.keys() & other.keys()
        assert all(one[name] == other[name] for name in one.keys() & other.keys())
        asked, hidden = sample.reporting, sample.hidden[sample.reporting]
        lists = sample.recent[Recent(2.0)].candidates(asked, sample.history.rows(asked), 5).cols.astype(np.int64)
        expected = ndcg(is_hit(lists, hidden), np.diff(hidden.indptr)).mean()
        assert one["recent (2-day half-life) alone"].ndcg == pytest.approx(expected)

    def test_what_teaches_is_of_earlier_dates_than_what_judges(self, fashionable):
        """The fitting listeners have the hidden plays of the first dates, the others those of later ones alone; who has
        none there is not asked."""
        split = fashionable.split
        later = sparse.csr_matrix(np.arange(N_TRACKS) % 2, dtype=np.uint32)  # the odd tracks, say, are played later
        earlier = sparse.csr_matrix(split.hidden - split.hidden.multiply(later))
        sample = replace(fashionable, split=replace(split, earlier=earlier)).sample(N_USERS)
        whole = fashionable.sample(N_USERS)
        for name, odd in (("fitting", 0), ("validation", 1), ("reporting", 1)):
            rows = getattr(sample, name)
            assert {column % 2 for column in sample.hidden[rows].indices} == {odd}
            assert (np.diff(sample.hidden[rows].indptr) > 0).all()
            assert 0 < len(rows) < len(getattr(whole, name))

    def test_what_was_discovered_while_others_taught_is_neither_asked_nor_listed(self, fashionable):
        """Who judges discovered half of their tracks on the first date, and played all on the later ones: the others
        alone are hits, as for whoever asks a release that knows the first date. Those who teach know nothing of it."""
        split = fashionable.split
        first = sparse.csr_matrix(np.arange(N_TRACKS) % 2, dtype=np.uint32)
        earlier = sparse.csr_matrix(split.hidden.multiply(first))
        again = replace(split, hidden=sparse.csr_matrix(split.hidden + earlier), earlier=earlier)
        sample = replace(fashionable, split=again).sample(N_USERS)
        judges = np.concatenate([sample.validation, sample.reporting])
        assert earlier[judges].nnz > 0
        assert sample.hidden[judges].multiply(earlier[judges]).nnz == 0
        assert earlier[judges].multiply(sample.heard[judges]).nnz == earlier[judges].nnz
        assert (sample.heard[sample.fitting] != split.training[sample.fitting]).nnz == 0
        for rows in (sample.fitting, judges):
            listed = sample.recent[Recent(2.0)].candidates(rows, sample.history.rows(rows), 5).cols
            assert not is_hit(listed.astype(np.int64), sample.heard[rows]).any()

    @pytest.mark.parametrize(("errors", "near"), [(0.9, True), (1.1, False), (-3.0, True)])
    def test_one_standard_error_less_than_the_best_is_near(self, errors, near):
        """Of the paired difference; listeners who are all alike have none, and then a tie alone is near."""
        scatter = np.array([1.0, -1.0, 2.0, -2.0, 0.0])
        error = scatter.std(ddof=1) / np.sqrt(5)
        assert is_near(scatter - errors * error, np.zeros(5)) == near
        assert [is_near(np.full(5, less), np.zeros(5)) for less in (0.0, -0.1)] == [True, False]

    def test_where_nothing_pays_als_stays_alone(self):
        """Where all plays are chance, no component is worth a place beside ALS."""
        assert tune_components(material(0.0), ALS, TODAY, options()).chosen == Ensemble()

    def test_trees_are_tried_where_they_may_be(self, fashionable):
        """Every subset is joined by weights and by trees, and the whole by trees has a row."""
        pytest.importorskip("lightgbm")
        found = tune_components(fashionable, ALS, TODAY, options(trees=True))
        assert len(found.validation) == 1 + 2 * 5
        wholes = {f"ALS, {name}, neighbours, by trees" for name in ("recent", "discoveries")}
        assert wholes & {row.lists for row in found.rows}

    def test_what_no_list_can_hold_is_counted(self, fashionable, tuned):
        """Each of the others discovered a track that nobody had played before."""
        split = fashionable.split
        n = len(split.reporting)
        assert tuned.unplayed_share == n / (n + split.hidden[split.reporting].nnz)

    def test_too_few_listeners_are_told(self, fashionable):
        """Without anybody to report on nothing is chosen."""
        split = replace(fashionable.split, reporting=np.zeros(0, np.int64))
        with pytest.raises(BadData, match="Too few listeners have hidden plays"):
            tune_components(replace(fashionable, split=split), ALS, TODAY, options())


class TestRounds:
    @pytest.mark.parametrize(
        ("listeners", "sizes"),
        [(1_000_000, [62_500, 250_000, 1_000_000]), (20_000, [5_000, 20_000]), (3_000, [3_000])],
    )
    def test_rounds_grow_to_all_listeners(self, listeners, sizes):
        """Each has four times as many as the one before, and none is too small to tell anything."""
        assert sizes_of(listeners) == sizes

    def test_the_best_quarter_goes_on(self, tuned):
        """A later round tries the settings alone that scored most in the round before."""
        for name in ("recent", "neighbours"):
            first, last = ([t for t in tuned.tried if (t.name, t.listeners) == (name, n)] for n in (200, N_USERS))
            best = sorted(first, key=lambda each: -each.ndcg)[: -(-len(first) // GROWTH)]
            assert [each.part for each in last] == [each.part for each in best]

    def test_those_who_are_asked_are_learned_anew(self, fashionable):
        """Their factors are the exact ones of their own plays, as a release makes them, and not those of the training;
        the others keep theirs."""
        sample = fashionable.sample(N_USERS)
        asked = np.concatenate([sample.fitting, sample.validation, sample.reporting])
        found, trained = factors_of(sample, ALS), Als(ALS).fit(sample.data).component
        exact = Als(ALS).user_vectors(sample.data.plays[asked], trained.item_factors)
        np.testing.assert_array_equal(found.user_factors[asked], exact)
        others = np.setdiff1d(np.arange(N_USERS), asked)
        assert len(others)
        np.testing.assert_array_equal(found.user_factors[others], trained.user_factors[others])

    def test_a_round_beyond_the_time_is_not_begun(self, fashionable):
        """The best of the smaller round is told, and that the time was up."""
        ticks = count()
        found = halved(fashionable, ALS, TODAY, options(clock=lambda: float(next(ticks)), seconds=2.0))
        assert found.stopped
        assert len(found.sample.data.users) == 200

    @pytest.mark.parametrize(("seconds", "listeners"), [(5.9, 200), (6.0, 800)])
    def test_a_round_is_expected_to_take_four_times_as_long_as_the_one_before(self, fashionable, seconds, listeners):
        """A first one that ends in the second second is followed by another up to the sixth."""
        ticks = count()
        given = options(clock=lambda: float(next(ticks)), seconds=seconds)
        found = halved(fashionable, ALS, TODAY, given)
        assert len(found.sample.data.users) == listeners


def test_the_simplest_has_the_fewest_parts_and_weights_before_trees():
    """What costs less each day comes first."""
    one, two = ("recent",), ("recent", "neighbours")
    rising = [Ensemble(), Ensemble(one), Ensemble(two), Ensemble(one, True), Ensemble(two, True)]
    assert sorted(rising[::-1], key=lambda each: each.cost) == rising
    alike = np.array([0.1, 0.3])
    assert simplest(dict.fromkeys(rising[:1:-1], alike)) == (Ensemble(two, True), Ensemble(two))


def test_a_smaller_sample_is_part_of_a_larger_one_and_spread_over_all(fashionable):
    """Drawn by a hash of the ids, not by who stands first."""
    small, large = (set(fashionable.sample(n).data.users.ids.to_pylist()) for n in (100, 400))
    assert small < large
    assert max(small) > 400


def test_lists_of_another_length_are_made_anew(fashionable):
    """What is kept of a component is of the same listeners and the same length."""
    sample = fashionable.sample(N_USERS)
    once, rows = Once(sample.recent[Recent(1.0)]), sample.validation[:5]
    played = sample.history.rows(rows)
    short, long = (once.candidates(rows, played, k).cols for k in (3, 8))
    assert (short.shape, long.shape) == ((5, 3), (5, 8))
    assert once.candidates(rows, played, 3).cols is short


def test_no_setting_is_tried_twice(fashionable):
    """Today's stands first, once, though it is one of those that are always tried, and what is not searched for is
    today's in all of them; without a catalogue no content."""
    parts = parts_to_try(replace(TODAY, recent=RecentConfig(half_life_days=(7.0,))), fashionable)
    assert parts["recent"].count(RecentConfig(half_life_days=(7.0,))) == 1
    assert {(name, part.counts) for name in ("recent", "discoveries") for part in parts[name]} == {
        ("recent", "listeners"),
        ("discoveries", "discoveries"),
    }
    assert "content" not in parts
    of_today = NeighboursConfig(renewed_every_days=1, ease_tracks=30)
    found = parts_to_try(replace(TODAY, neighbours=of_today), fashionable)["neighbours"]
    assert found.count(of_today) == 1
    assert len(found) == 17
    assert {part.listener_tracks for part in found} == {50, 100, 400}
    assert {(part.renewed_every_days, part.ease_tracks) for part in found} == {(1, 30)}


def test_discoveries_are_the_first_plays_of_all_days():
    """With a half-life beyond all bounds they are the listeners that a track has, however often these came back."""
    days = [sparse.csr_matrix(np.array(cells, np.uint32)) for cells in ([[2, 0], [1, 0]], [[1, 1], [0, 0]])]
    tracks = Vocabulary(pa.array(range(2)), np.zeros(2, np.int32))
    long = [Recent(1e9, counts) for counts in ("listeners", "discoveries")]
    found, _ = faded(days, sparse.csr_matrix(days[0] + days[1]), tracks, long)
    assert [np.round(found[each].sums).tolist() for each in long] == [[3, 1], [2, 1]]


def test_recent_plays_of_who_judges_know_the_dates_that_teach(fashionable):
    """Lists and scores of those who teach are of before the hidden dates, of the others of after the first of these."""
    counting = Recent(1.0)
    first = fashionable.recent[counting]
    turned = replace(first, sums=first.sums[::-1].copy())
    sample = replace(fashionable, later={counting: turned}).sample(N_USERS)
    for rows, known in ((sample.fitting, first), (sample.validation, turned), (sample.reporting, turned)):
        played, cols = sample.history.rows(rows), np.arange(len(rows)) % N_TRACKS
        found, wanted = (each.candidates(rows, played, 5) for each in (sample.recent[counting], known))
        assert found.cols.tolist() == wanted.cols.tolist()
        assert found.scores.tolist() == wanted.scores.tolist()
        assert found.exact.tolist() == wanted.exact.tolist()
        assert sample.recent[counting].scores(rows, cols).tolist() == known.scores(rows, cols).tolist()


def test_later_recent_plays_go_on_from_the_earlier_ones():
    """They are those of all days, and the earlier ones those of the first days alone."""
    days = [sparse.csr_matrix(np.array(cells, np.uint32)) for cells in ([[2, 0], [1, 0]], [[1, 1], [0, 0]])]
    tracks, recents = Vocabulary(pa.array(range(2)), np.zeros(2, np.int32)), recents_to_try(TODAY)
    first, later = faded(days[:1], days[0], tracks, recents, days[1:])
    for each in recents:
        assert first[each].sums.tolist() == faded(days[:1], days[0], tracks, recents)[0][each].sums.tolist()
        assert later[each].sums.tolist() == faded(days, days[0] + days[1], tracks, recents)[0][each].sums.tolist()


def test_the_pool_of_some_components_is_theirs_alone(fashionable):
    """What is left out of a pool leaves no candidate and no z-score behind: lists are those of a blend without it."""
    sample = fashionable.sample(N_USERS)
    components = [
        sample.recent[Recent(1.0)],
        sample.recent[Recent(60.0)],
        NearestTracks(TODAY.neighbours).fit(sample.data).component,
    ]
    group = Group.asked(components, sample, sample.validation, 10)
    some, weights = [0, 2], (1.0, 0.5)
    direct = pool_of([components[n] for n in some], group.rows, sample.history.rows(group.rows), 10)
    ours = group.of(some)
    one, two = (best_of(pool, weighted_sum(pool.z, weights), 5) for pool in (ours, direct))
    np.testing.assert_array_equal(one.cols, two.cols)
    np.testing.assert_allclose(one.scores, two.scores, rtol=1e-6)
