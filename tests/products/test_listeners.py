"""Lists out of what a listener played: on repeat, the daily mix, new releases, and those of unknown listeners."""

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from recsys_tasks.core.domain import Vocabulary, day_number
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.histories import folded_in
from recsys_tasks.products.new_releases import new_tracks
from recsys_tasks.products.products import Products
from recsys_tasks.recommenders.als import Als
from recsys_tasks.release.bundle import Names
from recsys_tasks.steps.own_plays import own_plays

ROWS, DAY = np.arange(0, 200), date(2026, 1, 15)


@pytest.fixture(scope="module")
def matrix(finished):
    """The play matrix of the newest day."""
    live = finished.releases.log().require_live()
    return finished.matrices.load(live.day, finished.bundles.key(live.candidate).matrix)


@pytest.fixture(scope="module")
def owning(finished, bundle, matrix):
    """Products of the release with every listener's own faded plays."""
    own = own_plays(finished, matrix, 2.0)
    return Products(replace(bundle, users=replace(bundle.users, own=own)), ProductsConfig(known_share=0.4))


class TestOnRepeat:
    def test_late_plays_count_more_and_all_plays_count(self, finished, owning, matrix):
        """Each pair's plays fade by day for four half-lives; older ones count a sixteenth."""
        row = int(np.argmax(np.diff(matrix.counts.indptr)))
        expected = np.zeros(matrix.counts.shape[1])
        for day, digest in matrix.chain:
            counts = finished.partitions.load(day, digest)
            ours = np.flatnonzero(matrix.users.rows_of(counts.user_ids) == row)
            cols = matrix.tracks.rows_of(counts.track_ids.take(ours))
            expected[cols] += counts.plays[ours] * max(0.5 ** ((DAY - day).days / 2.0), 1 / 16)
        found = owning.on_repeat(np.array([row]), 10)
        assert found.scores[0] == pytest.approx(np.sort(expected)[::-1][:10], rel=1e-5)
        assert expected[found.cols[0]] == pytest.approx(found.scores[0], rel=1e-5)

    def test_a_release_without_own_plays_says_how_to_get_them(self, products):
        """Nothing is stored unless it is switched on, and the message names the switch."""
        with pytest.raises(ConfigError, match="own_half_life_days"):
            products.on_repeat(ROWS)


class TestDailyMix:
    def test_known_and_new_stand_in_the_ratio(self, owning):
        """Of ten tracks four were played before, spread over the list, and none stands twice."""
        found = owning.daily_mix(ROWS, 10)
        known = np.array([np.isin(row, owning.view.played.of(n)) for n, row in enumerate(found.cols)])
        enough = np.diff(owning.view.played.indptr)[ROWS] >= 4
        assert (known[enough].sum(axis=1) == 4).all()
        assert known[enough][:, 5:].any(axis=1).all()
        assert all(len(set(row)) == 10 for row in found.cols.tolist())

    def test_a_day_has_its_own_mix(self, owning):
        """The same day gives the same mix, the next one another."""
        today, again = owning.daily_mix(ROWS, 10), owning.daily_mix(ROWS, 10)
        assert (today.cols == again.cols).all()
        tomorrow = owning.daily_mix(ROWS, 10, day=owning.on + timedelta(days=1))
        assert (today.cols != tomorrow.cols).any(axis=1).mean() > 0.5

    def test_a_share_of_nothing_known_is_discover(self, bundle, owning):
        """With known_share 0 the mix is the list of new tracks."""
        new = Products(owning.view.bundle, ProductsConfig(known_share=0.0))
        assert (new.daily_mix(ROWS, 10).cols == new.discover(ROWS, 10).cols).all()


class TestNewReleases:
    def test_lists_hold_new_tracks_alone(self, products):
        """Only tracks that came out in the days before, full as far as there are any."""
        new = products.new_tracks()
        found = products.new_releases(ROWS, 5)
        assert 0 < new.sum() < len(new) / 2
        assert new[found.cols[found.cols >= 0]].all()
        assert (found.cols[:, 0] >= 0).mean() > 0.9


def test_a_track_without_a_date_is_new_since_its_first_play():
    """The release date decides where there is one; else the first play, within the same days."""
    released = pa.array([date(2026, 1, 14), date(2025, 1, 1), date(2026, 1, 16), None, None], pa.date32())
    first = np.array([day_number(DAY)] * 3 + [day_number(DAY) - 3, day_number(DAY) - 7], np.int32)
    tracks = Vocabulary(pa.array(range(5)), first)
    bundle = SimpleNamespace(names=Names(pa.table({"released_on": released})), gated=SimpleNamespace(tracks=tracks))
    assert new_tracks(bundle, DAY, 7).tolist() == [True, False, False, True, False]


class TestHistories:
    def test_a_history_is_folded_in_as_the_training_does(self, products, matrix):
        """The factors of a history are those that the recommender's own fold-in gives a listener who played it once."""
        view = products.view
        lists = view.played.rows(ROWS[:20])
        once = sparse.csr_matrix(
            (np.ones(len(lists.cols), np.uint32), lists.cols, lists.indptr), shape=(20, view.n_tracks)
        )
        items = np.zeros((view.n_tracks, view.tracks.ranked_factors.shape[1]), np.float32)
        items[view.tracks.rank_cols] = view.tracks.ranked_factors
        assert folded_in(view, lists) == pytest.approx(Als(view.training).user_vectors(once, items), abs=2e-4)

    def test_an_unknown_listener_gets_what_a_known_one_of_that_history_would(self, products):
        """Lists for histories of known listeners share most tracks with these listeners' own lists."""
        rows = ROWS[:40]
        found = products.for_history([products.view.played.of(row) for row in rows], 20)
        own = products.discover(rows, 20)
        shared = [len(set(a) & set(b)) / 20 for a, b in zip(found.cols.tolist(), own.cols.tolist(), strict=True)]
        assert np.mean(shared) > 0.6

    def test_an_empty_history_gets_the_popular_tracks(self, products):
        """Nothing is known of who played nothing."""
        found = products.for_history([np.zeros(0, np.int64)], 5)
        assert (found.cols == products.popular(5).cols).all()

    def test_a_playlist_goes_on_without_its_own_tracks(self, products):
        """None of a playlist's tracks comes back, and artists may come more often than on other lists."""
        playlist = products.artists.cols(0)[:3]
        found = products.continue_playlist([playlist, products.view.played.of(3)], 10)
        assert not set(playlist.tolist()) & set(found.cols[0].tolist())
        assert (found.cols >= 0).all()

    def test_a_track_that_is_not_there_is_refused(self, products):
        """A column outside of the release is told, not looked up."""
        with pytest.raises(BadData, match="outside"):
            products.for_history([np.array([products.view.n_tracks])])
