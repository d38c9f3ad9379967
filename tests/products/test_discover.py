"""Discover: full lists of what a listener has not played, under the rules of the settings."""

import numpy as np
import pytest

from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.lists import as_played
from recsys_tasks.products.nearest import nearest_tracks
from recsys_tasks.products.products import Products
from recsys_tasks.recommenders.vectors import Played

ROWS = np.arange(0, 300)


def cells(lists):
    """Pairs of place and column of all lists."""
    return {(place, int(col)) for place, row in enumerate(lists.cols) for col in row if col >= 0}


def played_cells(products, rows):
    """The same of what the listeners played."""
    return {(place, int(col)) for place, row in enumerate(rows) for col in products.view.played.of(row)}


def most_of_an_artist(products, lists):
    """The largest number of tracks of one artist on a list."""
    of_col = products.artists.of_col
    return max(int(np.bincount(of_col[row[row >= 0]]).max()) for row in lists.cols)


class TestDiscover:
    def test_lists_are_full_and_hold_nothing_played(self, products):
        """Thirty tracks for everybody, each once, none of them played."""
        found = products.discover(ROWS)
        assert (found.cols >= 0).all()
        assert found.cols.shape == (len(ROWS), 30)
        assert all(len(set(row)) == 30 for row in found.cols.tolist())
        assert not cells(found) & played_cells(products, ROWS)

    def test_without_limits_it_is_what_the_evaluation_judges(self, bundle):
        """No limit of artists and no diversity: the list of the candidate's own retriever, score by score."""
        plain = Products(bundle, ProductsConfig(most_of_one_artist=0, diversity=0.0, reasons=False))
        found = plain.discover(ROWS, 10)
        judged = bundle.gated.retriever(bundle.users.asking, 10).candidates(ROWS, plain.view.played.rows(ROWS), 10)
        warm = ~found.popular
        assert warm.sum() > 250
        assert (found.cols[warm] == judged.cols[warm]).all()
        assert (found.scores[warm] == judged.scores[warm]).all()

    @pytest.mark.parametrize("diversity", [0.0, 0.4])
    def test_an_artist_has_at_most_so_many_places(self, bundle, diversity):
        """The limit holds on every list, and the lists stay full."""
        for most in (1, 2):
            limited = Products(bundle, ProductsConfig(most_of_one_artist=most, diversity=diversity))
            found = limited.discover(ROWS)
            assert most_of_an_artist(limited, found) == most
            assert (found.cols >= 0).all()

    def test_diversity_makes_a_list_less_alike(self, bundle):
        """With a weight, the tracks of a list point less the same way, and the first is still the best."""

        def likeness(weight):
            found = Products(bundle, ProductsConfig(diversity=weight, reasons=False)).discover(ROWS)
            directions = plain.view.directions(found.cols)
            return (directions @ directions.transpose(0, 2, 1)).mean(), found.cols[:, 0]

        plain = Products(bundle, ProductsConfig())
        (alike, first), (unlike, still_first) = likeness(0.0), likeness(0.5)
        assert unlike < 0.9 * alike
        assert (first == still_first).all()

    def test_what_was_shown_is_not_shown_again(self, products):
        """Tracks of yesterday's lists stand on none of today's, which are full all the same."""
        first = products.discover(ROWS)
        again = products.discover(ROWS, shown=as_played(list(first.cols)))
        assert not cells(first) & cells(again)
        assert (again.cols >= 0).all()

    def test_only_allowed_tracks_are_listed(self, products):
        """A choice of tracks holds in the search itself: every list is full of them."""
        allowed = np.arange(products.view.n_tracks) % 3 == 0
        found = products.discover(ROWS, allowed=allowed)
        assert allowed[found.cols].all()
        assert (found.cols >= 0).all()

    def test_a_batch_answers_as_one_by_one(self, products):
        """Nobody's list depends on who else asks."""
        together, rows = products.discover(ROWS), ROWS[::60]
        for row in rows:
            alone = products.discover(np.array([row]))
            assert (alone.cols[0] == together.cols[row]).all()
            assert (alone.reasons[0] == together.reasons[row]).all()

    def test_a_reason_is_a_played_track(self, products):
        """Most places name a track that the listener played; none names another."""
        found = products.discover(ROWS)
        named = {(place, int(col)) for place, row in enumerate(found.reasons) for col in row if col >= 0}
        assert not named - played_cells(products, ROWS)
        assert (found.reasons >= 0).mean() > 0.5

    def test_what_does_not_fit_is_refused(self, products):
        """Shown tracks of other listeners, and a list of nothing."""
        with pytest.raises(BadData, match="do not fit"):
            products.discover(ROWS, shown=Played(np.zeros(3, np.int64), np.zeros(0, np.int32)))
        with pytest.raises(ConfigError, match="Ask for one or more"):
            products.discover(ROWS, -1)


class TestPopular:
    def test_it_is_by_listeners_and_of_a_segment_by_its_own(self, products):
        """Everybody's list falls by listeners; of one listener's own plays it holds these alone."""
        found = products.popular(10)
        assert (np.diff(found.scores[0]) <= 0).all()
        row = int(np.argmax(np.diff(products.view.played.indptr)))
        own = products.popular(5, segment=np.array([row]))
        assert set(own.cols[0]) <= set(products.view.played.of(row))


class TestSimilar:
    @pytest.mark.parametrize(("every", "k"), [(40, 5), (400, 3)])
    def test_an_allowed_track_is_found_however_rare(self, products, every, k):
        """Few tracks are allowed, or hardly any: the nearest of them are listed, as the cosines of all tracks say."""
        allowed = np.zeros(products.view.n_tracks, dtype=bool)
        allowed[products.view.tracks.rank_cols[::every]] = True
        col = int(products.view.tracks.rank_cols[3])
        found = products.similar(np.array([col]), k, allowed)
        cosines = products.view.directions(np.arange(len(allowed))) @ products.view.directions(np.array(col))
        cosines[~allowed], cosines[col] = -2, -2
        assert set(found.cols[0]) == set(np.argsort(-cosines, kind="stable")[:k])
        assert found.scores[0] == pytest.approx(np.sort(cosines)[::-1][:k], abs=1e-4)

    @pytest.mark.parametrize("every", [1, 7])
    def test_for_every_track_the_nearest_are_found_exactly(self, products, every):
        """As the cosines of all allowed tracks say, in blocks of any size, whether a track may be listed itself or not;
        a track without a factor is like nothing."""
        view = products.view
        allowed = np.zeros(view.n_tracks, dtype=bool)
        allowed[view.tracks.rank_cols[::every]] = True
        cols = np.arange(0, view.n_tracks, 3)
        found = nearest_tracks(view, cols, 4, allowed, first=5, most_at_once=64)
        directions = view.directions(np.arange(view.n_tracks))
        cosines = directions[cols] @ directions.T
        cosines[:, ~allowed | (view.tracks.col_ranks < 0)] = -np.inf
        cosines[np.arange(len(cols)), cols] = -np.inf
        known = view.tracks.col_ranks[cols] >= 0
        assert (found.cols[~known] == -1).all()
        assert found.scores[known] == pytest.approx(-np.sort(-cosines, axis=1)[known, :4], abs=1e-5)
        here = np.take_along_axis(cosines[known], found.cols[known], axis=1)
        assert here == pytest.approx(found.scores[known], abs=1e-5)

    def test_a_track_without_a_factor_is_like_nothing(self, products):
        """It gets an empty list, where others get theirs."""
        bare = np.flatnonzero(products.view.tracks.col_ranks < 0)[:1]
        some = np.concatenate([bare, products.view.tracks.rank_cols[:1]])
        assert ((products.similar(some, 3).cols >= 0).sum(axis=1) == [0] * len(bare) + [3]).all()
