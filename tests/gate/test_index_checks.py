"""The checks of the index: it is the one that follows from the model, and it finds what the model would recommend."""

from dataclasses import replace

import numpy as np
import pytest
from opened_candidates import DAY, YESTERDAY, candidate_of, failing, indexed, rolled
from planting import plant

from recsys_tasks.core.errors import BadData
from recsys_tasks.gate.exact_checks import check_sizes, measured_recall
from recsys_tasks.index.calibration import sampled_queries
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import SearchParameters, TwoTierSearch
from recsys_tasks.repositories.models import model_name
from recsys_tasks.steps.evaluate import evaluate_against


class TestSizes:
    def test_parts_of_different_sizes_are_refused(self, sound):
        """A model with a track, or a listener, too few is not compared with anything."""
        tracks, matrix, factors = sound.gated.tracks, sound.matrix, sound.model.component
        check_sizes(tracks, matrix, factors)
        for side in ("user_factors", "item_factors"):
            short = replace(factors, **{side: getattr(factors, side)[:-1]})
            with pytest.raises(BadData, match="do not belong together"):
                check_sizes(tracks, matrix, short)

    def test_an_index_of_fewer_tracks_is_refused(self, sound):
        """The vocabulary beside the index belongs to the matrix to the last track."""
        words = sound.gated.tracks
        fewer = replace(words, ids=words.ids[:-1], first_days=words.first_days[:-1])
        with pytest.raises(BadData, match="do not belong together"):
            check_sizes(fewer, sound.matrix, sound.model.component)

    def test_parts_of_different_sizes_are_not_scored_either(self, copied, sound, monkeypatch):
        """What is done beside the checks does not begin before it is known that everything fits together."""
        model, begun = copied.store.root / model_name(DAY, sound.gated.key.component), []
        plant(model, item_factors=sound.model.component.item_factors[:-1])
        monkeypatch.setitem(evaluate_against.__globals__, "_scored", lambda *_: begun.append(1))
        with pytest.raises(BadData, match="do not belong together"):
            evaluate_against(copied, DAY, candidate_of(copied), None)
        assert not begun


class TestIndex:
    def test_the_index_of_another_model_is_seen(self, finished, sound, tmp_path):
        """All of it sound in itself: order, vectors, recall among its own."""
        other = indexed(sound, tmp_path, rolled(sound.model.component, 20)).gated
        found = failing(finished, replace(sound, gated=other))
        assert {"index holds the model", "norm order"} <= found <= {
            "index holds the model", "norm order", "recall of user-track search", "recall of track-track search"
        }  # fmt: skip

    def test_an_annoy_file_of_other_vectors_is_seen(self, finished, sound, tmp_path):
        """A stale file with as many tracks: every probe of it is answered truly."""
        factors = sound.model.component
        vectors = np.roll(rank_tracks(factors.item_factors).ranked_factors, 1, axis=0)
        assert failing(finished, indexed(sound, tmp_path, factors, vectors=vectors)) == {
            "Annoy file holds the tracks",
            "recall of track-track search",
        }

    def test_an_annoy_file_with_broken_trees_is_seen(self, finished, sound, tmp_path):
        """Every vector is there, and the trees do not lead to them."""
        found = failing(finished, indexed(sound, tmp_path, sound.model.component, astray=True))
        assert found == {"recall of track-track search"}

    def test_too_small_a_budget_is_seen(self, finished, sound):
        """The manifest promises a recall that its own search parameters do not reach."""
        search = TwoTierSearch(sound.gated.search.tracks, SearchParameters(20, 0, 10), sound.gated.search.index)
        found = failing(finished, replace(sound, gated=replace(sound.gated, search=search)))
        assert found == {"recall of user-track search", "recall of track-track search"}


class AskedIndex:
    """An Annoy index that remembers the items whose neighbours it was asked for."""

    def __init__(self, index):
        self._index, self.items = index, []

    def __getattr__(self, name):
        return getattr(self._index, name)

    def get_nns_by_item(self, item, *rest, **options):
        """As Annoy."""
        self.items.append(item)
        return self._index.get_nns_by_item(item, *rest, **options)


class AskedSearch(TwoTierSearch):
    """A search that remembers the listeners that it was asked for, over an index that remembers the tracks."""

    def __init__(self, search):
        super().__init__(search.tracks, search.parameters, AskedIndex(search.index))
        self.listeners = []

    def find(self, user_vectors, *rest):
        """As ``TwoTierSearch``."""
        self.listeners += [vector.tobytes() for vector in user_vectors]
        return super().find(user_vectors, *rest)

    @property
    def cols(self):
        """Columns of the tracks that were asked for."""
        return self.tracks.rank_cols[self.index.items].tolist()


class TestRecall:
    @pytest.fixture
    def asked(self, sound):
        """Asks 100 listeners and tracks of a day; the search that they were asked of."""

        def ask(day, index=sound.gated.key.parameters):
            search, factors = AskedSearch(sound.gated.search), sound.model.component
            found = measured_recall(day, search, factors, sound.holdout.training, index, 100)
            assert (found.n_users, found.n_tracks) == (100, 100)
            return search

        return ask

    def test_it_is_measured_on_others_than_the_parameters_were_chosen_on(self, sound, asked):
        """No listener and no track of the calibration is asked, nor one without a direction."""
        factors, ranked = sound.model.component, sound.gated.search.tracks
        rows, cols = sampled_queries(sound.gated.key.parameters, factors.user_factors, ranked)
        fitted, search = {factors.user_factors[row].tobytes() for row in rows}, asked(DAY)
        assert len(set(search.listeners)) == len(set(search.cols)) == 100
        assert not fitted & set(search.listeners)
        assert not set(cols.tolist()) & set(search.cols)
        assert bytes(factors.user_factors[0].nbytes) not in search.listeners
        assert factors.item_factors[search.cols].any(axis=1).all()

    def test_each_day_draws_its_own(self, asked):
        """The same day asks the same again, and another day others."""
        one, again, other = asked(DAY), asked(DAY), asked(YESTERDAY)
        assert (one.listeners, sorted(one.cols)) == (again.listeners, sorted(again.cols))
        assert set(one.cols) != set(other.cols)
        assert set(one.listeners) != set(other.listeners)

    def test_where_every_track_was_calibrated_on_they_are_asked_all_the_same(self, sound, asked):
        """A small service has no others, and is measured rather than not at all."""
        everything = sound.gated.key.parameters.model_copy(update={"calibration_queries": len(sound.gated.tracks)})
        assert len(set(asked(DAY, everything).cols)) == 100
