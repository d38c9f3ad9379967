"""What each component is worth: the lists of a part are those that it gives when it is asked by itself."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation.test_blend_weights import N_TRACKS, K, Table, day

from recsys_tasks.evaluation.each_component import each_component
from recsys_tasks.evaluation.estimates import TOLD_LISTENERS
from recsys_tasks.evaluation.lists import EvaluatedModel, is_hit, recommend
from recsys_tasks.evaluation.metrics import ndcg, precision
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.popular import PopularTracks

NAMES = ("als", "neighbours", "content")
BLEND = Blend((1.0, 0.5, 2.0), NAMES, 10)


class PartlyCold(Table):
    """A component that knows nothing of every third listener."""

    def cold_users(self):
        """Every third."""
        return np.arange(len(self.table)) % 3 == 0


def asked(retriever, holdout):
    """The lists of a retriever that is asked by itself."""
    rows = np.arange(len(holdout.user_rows))
    model = EvaluatedModel(retriever, PopularTracks(holdout.listeners, 0), np.arange(N_TRACKS), N_TRACKS)
    return recommend(model, rows, holdout.history, K)


class TestEachComponent:
    def test_a_part_lists_what_it_lists_by_itself(self):
        """Candidates are named once for all rows of the table, and each row is as if its part had been asked alone, by
        listeners too whom its first component does not know."""
        holdout, guesses, knows = day(200)
        parts = [PartlyCold(guesses.table), knows, day(200, known=0.1, seed=4)[1]]
        whole = asked(BLEND.of(parts), holdout)
        rows = each_component(NAMES, parts, BLEND, holdout, K, lambda: whole)
        found = {row.lists: row.precision for row in rows}
        expected = {"all components": BLEND.of(parts)}
        expected |= {f"{name} alone": part for name, part in zip(NAMES, parts, strict=True)}
        for place, name in enumerate(NAMES):
            rest = tuple(0.0 if n == place else weight for n, weight in enumerate(BLEND.weights))
            expected[f"without {name}"] = replace(BLEND, weights=rest).of(parts)
        lists = {name: asked(part, holdout) for name, part in expected.items()}
        assert found == {name: precision(is_hit(each, holdout.hidden)).mean() for name, each in lists.items()}
        n_hidden = np.diff(holdout.hidden.indptr)
        gains = {name: ndcg(is_hit(each, holdout.hidden), n_hidden).mean() for name, each in lists.items()}
        assert {row.lists: row.ndcg for row in rows} == gains

    def test_of_many_listeners_some_of_all_are_in_the_table(self):
        """Evenly spread, and the lists of the whole are those of the same ones."""
        holdout, guesses, knows = day(2 * TOLD_LISTENERS + 1)
        whole = asked(knows, holdout)
        (first, *_) = each_component(
            NAMES[:2], [guesses, knows], Blend((1.0, 0.5), NAMES[:2]), holdout, K, lambda: whole
        )
        assert first.precision == precision(is_hit(whole[::3], holdout.hidden[::3])).mean()

    def test_what_the_weights_join_is_compared_with_all_by_weights_where_trees_join_the_whole(self):
        """What a component adds is not what trees add; one that stands alone is compared with the whole."""
        holdout, guesses, knows = day(200)
        parts, nothing = [guesses, knows, day(200, known=0.1, seed=4)[1]], np.full((200, K), -1)
        rows = {
            row.lists: row
            for row in each_component(NAMES, parts, replace(BLEND, trees="t"), holdout, K, lambda: nothing)
        }
        by_weights = rows["all by weights"].precision
        for name, row in rows.items():
            beside = by_weights if name.startswith("without") else 0.0
            assert row.difference == pytest.approx(row.precision - beside)
            assert row.beside == ("all by weights" if name.startswith("without") else "all components")

    def test_a_component_without_a_weight_is_not_left_out(self):
        """The whole has nothing of it; alone it stands in the table all the same."""
        holdout, guesses, knows = day(200)
        parts, nothing = [guesses, knows, day(200, known=0.1, seed=4)[1]], np.full((200, K), -1)
        found = each_component(NAMES, parts, replace(BLEND, weights=(1.0, 0.0, 2.0)), holdout, K, lambda: nothing)
        assert [row.lists for row in found if row.lists.startswith("without")] == ["without als", "without content"]
        assert "neighbours alone" in {row.lists for row in found}
        alone = each_component(NAMES, parts, replace(BLEND, weights=(1.0, 0.0, 0.0)), holdout, K, lambda: nothing)
        assert not [row.lists for row in alone if row.lists.startswith("without")], "nothing is left without als"

    def test_a_component_that_stands_alone_has_no_table(self):
        """Of one component there is nothing to tell apart."""
        holdout, guesses, _ = day(10)
        assert each_component(["als"], [guesses], Blend(), holdout, K, lambda: np.zeros((10, K), np.int64)) == []
