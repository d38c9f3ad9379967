"""More candidates for trees: tried of the ensemble that won, taken where they surely gain, and no more than needed."""

import numpy as np
import pytest
from fashions import ALS, N_USERS, TODAY, material, options

from recsys_tasks.evaluation import ensemble_rounds, ensemble_tuning
from recsys_tasks.evaluation.ensemble_joining import Ensemble, Joining
from recsys_tasks.evaluation.ensemble_parts import depths_for
from recsys_tasks.evaluation.ensemble_rounds import halved
from recsys_tasks.evaluation.ensemble_tuning import tune_components
from recsys_tasks.evaluation.tuning_scores import Scores

WEIGHTS, TREES = Ensemble(("recent",)), Ensemble(("recent",), True)
DEEP, DEEPER = (TREES._replace(depth=depth) for depth in (60, 90))
SCATTER = np.random.default_rng(1).normal(0.0, 0.1, 400)


@pytest.fixture
def one_setting(monkeypatch):
    """Recent plays alone, as they are set today."""
    monkeypatch.setattr(ensemble_rounds, "parts_to_try", lambda *_: {"recent": [TODAY.recent]})


class Known:
    """Ensembles of recent plays whose worth is known: listeners score so much, and their own scatter."""

    parts, labels = ("recent",), ("als", "recent")

    def __init__(self, validated, reported=None, trees=True, others=400):
        """Means by ensemble; the reporting listeners, so many, say the same unless they say something else."""
        self.means, self.told, self.trees, self.asked = validated, validated | (reported or {}), trees, []
        self.others = others

    def validated(self, ensemble):
        """Each ensemble has a scatter of its own, so that two of nearly the same mean are near."""
        self.asked.append(ensemble)
        return self._scores(self.means[ensemble], ensemble)

    def reported(self, ensemble):
        """The same of the others."""
        return Scores(*(values[: self.others] for values in self._scores(self.told[ensemble], ensemble)))

    def alone(self, _place):
        """Nothing."""
        return Scores(np.zeros(self.others), np.zeros(self.others))

    def popular(self):
        """Nothing."""
        return self.alone(0)

    def has_trees(self, ensemble):
        """Whether enough taught them."""
        return self.trees and ensemble.ranked

    def _scores(self, mean, ensemble):
        values = mean + np.roll(SCATTER - SCATTER.mean(), ensemble.depth)
        return Scores(values, values)


@pytest.fixture
def chosen(monkeypatch, one_setting):
    """What is chosen among ensembles of known worth."""
    pytest.importorskip("lightgbm")

    def choose(known):
        monkeypatch.setattr(ensemble_tuning, "Joining", lambda *_: known)
        given = options(trees=True, least_sample=N_USERS, deeper=(60, 90))
        return tune_components(material(0.15), ALS, TODAY, given)

    return choose


WORTH = {Ensemble(): 0.1, WEIGHTS: 0.2, TREES: 0.4, DEEP: 0.5, DEEPER: 0.502}


class TestChoice:
    def test_as_many_candidates_as_surely_gain_are_taken(self, chosen):
        """Sixty beat thirty, and ninety are within one standard error of sixty: so sixty, with a row for each."""
        found = chosen(Known(WORTH))
        assert (found.chosen, found.preferred, found.depth) == (DEEP, DEEP, 60)
        rows = {row.lists: row for row in found.rows}
        assert [name for name, row in rows.items() if row.chosen] == ["ALS, recent, by trees, 60 candidates of each"]
        assert rows["ALS, recent, by trees, 90 candidates of each"].means.ndcg == pytest.approx(0.502)
        assert found.validation[0] == (DEEPER, pytest.approx(0.502))

    def test_where_more_gain_nothing_the_few_stay(self, chosen):
        """Neither depth is better by more than one standard error."""
        found = chosen(Known(WORTH | {DEEP: 0.401, DEEPER: 0.402}))
        assert (found.chosen, found.preferred, found.depth) == (TREES, TREES, 30)

    def test_the_reporting_listeners_confirm_a_depth(self, chosen):
        """What validation prefers is told, and the few stay where the others do not surely gain by more."""
        found = chosen(Known(WORTH, {DEEP: 0.401}))
        assert (found.chosen, found.preferred, found.depth) == (TREES, DEEP, 30)

    @pytest.mark.parametrize(
        ("worth", "trees", "expected"),
        [
            (WORTH | {TREES: 0.2}, True, WEIGHTS),
            (WORTH | {WEIGHTS: 0.1, TREES: 0.1}, True, Ensemble()),
            (WORTH, False, WEIGHTS),
        ],
    )
    def test_nothing_but_trees_is_asked_for_more(self, chosen, worth, trees, expected):
        """Not weights, not ALS alone, and not trees that too few have taught."""
        known = Known(worth, trees=trees)
        found = chosen(known)
        assert (found.chosen, found.depth) == (expected, 30)
        assert not {DEEP, DEEPER} & {*known.asked}

    def test_an_ensemble_that_is_not_confirmed_is_asked_for_no_more(self, chosen):
        """ALS stays alone, and no time is spent on what it will not be."""
        known = Known(WORTH, {TREES: 0.1})
        found = chosen(known)
        assert (found.chosen, found.preferred) == (Ensemble(), TREES)
        assert DEEP not in known.asked

    @pytest.mark.parametrize(("others", "expected"), [(99, Ensemble()), (100, DEEP)])
    def test_too_few_confirm_nothing(self, chosen, others, expected):
        """An interval of a handful of listeners is not believed, however narrow it is."""
        assert chosen(Known(WORTH, others=others)).chosen == expected


class TestCandidates:
    def test_more_candidates_are_those_of_that_depth(self, one_setting):
        """Trees and lists of thirty candidates are the same whether all ensembles have thirty, or this one alone."""
        pytest.importorskip("lightgbm")
        last = halved(material(0.15), ALS, TODAY, options(least_sample=N_USERS))
        few, many = (Joining(last, options(depth=depth, trees=True)) for depth in (5, 30))
        deep = TREES._replace(depth=30)
        assert few.has_trees(deep)
        for asked in ("validated", "reported"):
            found, expected, shallow = (
                getattr(joining, asked)(ensemble).ndcg
                for joining, ensemble in ((few, deep), (many, TREES), (few, TREES))
            )
            np.testing.assert_array_equal(found, expected)
            assert found.mean() != shallow.mean()

    @pytest.mark.parametrize(
        ("today", "k", "depths"),
        [
            (100, 10, (100, 300, 500)),
            (50, 10, (50, 100, 300, 500)),
            (200, 10, (100, 200, 300, 500)),
            (3, 10, (10, 100, 300, 500)),
            (100, 400, (400, 500)),
        ],
    )
    def test_depth_of_today_is_one_of_those_that_are_tried(self, today, k, depths):
        """All ensembles are compared with the least of them, a hundred or today's, and no list is longer than that."""
        assert depths_for(today, k) == depths
