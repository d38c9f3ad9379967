"""The re-ranker: held by the suite of retrievers, the same bytes each time, better than what it joins where it can."""

from dataclasses import replace

import numpy as np
import pytest
from recommenders.suite import N_TRACKS, N_USERS, K, RetrieverSuite, nothing_played, world

from recsys_tasks.core.components import NeighboursConfig
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import BadData
from recsys_tasks.evaluation.blend_weights import LEAST_LISTENERS
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.ranker_training import lessons, trees_for
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.joined import Choice, lists_from
from recsys_tasks.recommenders.nearest_tracks import NearestTracks
from recsys_tasks.recommenders.pools import Pool, pool_of
from recsys_tasks.recommenders.popular import Popularity
from recsys_tasks.recommenders.ranker import MANY_ROWS, N_TREES, TREES, Ranked, Trees, trained
from recsys_tasks.recommenders.ranker_features import TrackFacts, feature_names, features
from recsys_tasks.recommenders.small_trees import small_trees
from recsys_tasks.recommenders.vectors import Played

pytest.importorskip("lightgbm")
LABELS, DEPTH, EVERYBODY = ("als", "neighbours", "popular"), 100, np.arange(N_USERS)
FACTS = TrackFacts(np.arange(N_TRACKS) % 9, np.arange(N_TRACKS) % 30, np.arange(N_TRACKS) // 4 - 1)


@pytest.fixture(scope="module")
def parts():
    """Three fitted components, and what everybody played."""
    data = world()[0]
    kinds = Als(AlsConfig(factors=4, a=1.0, regularization=5.0)), NearestTracks(NeighboursConfig()), Popularity()
    return tuple(kind.fit(data).component for kind in kinds), Played(data.plays.indptr, data.plays.indices)


def taught(parts) -> Trees:
    """Trees of the hidden plays of everybody."""
    components, played = parts
    pool = pool_of(components, EVERYBODY, played, DEPTH)
    trees = trees_for(pool, world()[1], EVERYBODY, LABELS, played, FACTS)
    assert trees is not None
    return trees


@pytest.fixture(scope="module")
def ranked(parts):
    """The components re-ranked."""
    return Ranked(parts[0], taught(parts), FACTS, parts[1], DEPTH)


class TestRanked(RetrieverSuite):
    """Three components under trees."""

    @pytest.fixture(autouse=True)
    def _ranked(self, ranked):
        self.ranked = ranked

    def retriever(self):
        """Trained once, for it changes nothing."""
        return self.ranked

    def test_it_learns(self, parts, ranked):
        """On listeners who taught it, it finds clearly more than its best component."""
        data, hidden = world()
        played = Played(data.plays.indptr, data.plays.indices)
        one, other = (
            is_hit(each.candidates(EVERYBODY, played, K).cols.astype(np.int64), hidden).mean()
            for each in (ranked, parts[0][0])
        )
        assert one > 1.2 * other

    def test_a_list_may_be_longer_than_what_each_component_names(self, parts, ranked):
        """It goes on as that of the first one."""
        short = replace(ranked, depth=1)
        rows = np.flatnonzero(~short.cold_users())[:20]
        assert (short.candidates(rows, nothing_played(len(rows)), K).cols >= 0).all()

    def test_a_longer_list_begins_as_that_of_the_depth(self, parts, ranked):
        """Of wider pools trees know nothing, and put anything first: what only these hold stands behind, once."""
        shallow = replace(ranked, depth=5)
        short, long = (shallow.candidates(EVERYBODY, parts[1], k) for k in (5, 40))
        assert (long.cols[:, :5] == short.cols).all()
        assert (long.scores[:, :5] == short.scores).all()
        held = np.sort(np.where(long.cols >= 0, long.cols, -1 - np.arange(40)), axis=1)
        assert (np.diff(held, axis=1) > 0).all()
        assert (np.diff(np.where(long.cols >= 0, long.scores, -1e9), axis=1) <= 0).all()
        assert (long.cols[:, 20:] >= 0).any(), "longer than any pool of three times five"
        (again,) = lists_from(shallow, EVERYBODY, parts[1], 40, [Choice()])
        assert (again == long.cols).all()

    def test_the_same_rows_give_the_same_bytes(self, parts, ranked):
        """Trained a second time, the text is the same."""
        assert taught(parts).text == ranked.trees.text

    def test_stored_trees_answer_as_those_that_were_trained(self, parts, ranked):
        """Text and facts read back from read-only arrays give the same lists and scores."""
        files = {name: np.array(values) for name, values in (ranked.trees.files() | ranked.facts.files()).items()}
        for values in files.values():
            values.flags.writeable = False
        opened = Ranked(parts[0], Trees(files[TREES].tobytes()), TrackFacts.of(files), parts[1], DEPTH)
        one, other = (each.candidates(np.arange(9), nothing_played(9), K) for each in (ranked, opened))
        assert one.cols.tobytes() == other.cols.tobytes()
        assert one.scores.tobytes() == other.scores.tobytes()


class TestLessons:
    @pytest.mark.parametrize(
        ("n_listeners", "taught"), [(LEAST_LISTENERS // 2 - 1, False), (LEAST_LISTENERS // 2, True)]
    )
    def test_a_handful_of_listeners_teaches_no_trees(self, parts, n_listeners, taught):
        """Counted are those with a hidden play among their candidates."""
        components, played = parts
        pool, hidden = pool_of(components, EVERYBODY, played, DEPTH), world()[1]
        rows = np.flatnonzero(is_hit(pool.cols, hidden).any(axis=1))[:n_listeners]
        some = pool_of(components, rows, played.rows(rows), DEPTH)
        assert (trees_for(some, hidden[rows], rows, LABELS, played, FACTS) is not None) == taught

    def test_every_hidden_play_teaches_and_a_third_of_the_others(self, parts):
        """Of listeners with a hidden play among their candidates alone; a row stays the candidate's own."""
        components, played = parts
        pool, hidden = pool_of(components, EVERYBODY, played, DEPTH), world()[1]
        there = pool.cols >= 0
        numbers = np.arange(there.sum())[:, None]
        rows, hits, sizes = lessons(pool, hidden, numbers)
        asked = is_hit(pool.cols, hidden)
        assert set(rows[hits, 0]) == set(numbers[asked[there], 0])
        assert len(sizes) == asked.any(axis=1).sum()
        assert sizes.sum() == len(rows)
        others = there[asked.any(axis=1)].sum() - asked.sum()
        assert (~hits).sum() == pytest.approx(others / 3, rel=0.1)

    def test_listeners_teach_the_same_however_many_are_looked_at_together(self, parts):
        """Each one's features are of their own candidates: few at a time save memory, and change no byte."""
        components, played = parts
        pool = pool_of(components, EVERYBODY, played, DEPTH)
        few = trees_for(pool, world()[1], EVERYBODY, LABELS, played, FACTS, at_once=7)
        assert few == taught(parts)


class TestManyRows:
    def test_small_trees_score_as_lightgbm_does(self, parts, ranked):
        """Asked about many rows at once, the numbers are LightGBM's, bit by bit; also at a node's own threshold."""
        components, played = parts
        pool = pool_of(components, EVERYBODY, played, DEPTH)
        rows = features(pool, EVERYBODY, played, FACTS)
        trees = small_trees(ranked.trees.text.decode())
        assert trees is not None
        assert len(trees) == N_TREES
        at = np.repeat(rows[:1], sum(len(tree.nodes) for tree in trees), axis=0)
        for place, node in enumerate(node for tree in trees for node in tree.nodes):
            at[place, node.feature] = node.threshold
        rows = np.concatenate([rows, at, np.nextafter(at, np.float32(np.inf))])
        assert len(rows) >= MANY_ROWS
        few = [ranked.trees.scores(rows[start : start + 100]) for start in range(0, len(rows), 100)]
        assert ranked.trees.scores(rows).tobytes() == np.concatenate(few).tobytes()

    def test_larger_trees_are_left_to_lightgbm(self, ranked):
        """Releases of before have trees of fifteen leaves; others may know categories."""
        text = ranked.trees.text.decode()
        assert small_trees(text.replace("decision_type=2", "decision_type=1", 1)) is None
        line = next(line for line in text.splitlines() if line.startswith("leaf_value="))
        assert small_trees(text.replace(line, line + " 0.5 0.5", 1)) is None

    def test_trees_that_found_nothing_to_split_by_say_the_same_of_every_row(self):
        """Where no candidate differs from another, each tree is one leaf."""
        rows, hits = np.ones((4 * MANY_ROWS, 2), np.float32), np.arange(4 * MANY_ROWS) % 10 == 0
        trees = trained(rows, hits, np.full(4 * MANY_ROWS // 10, 10), ["one", "other"])
        assert trees.importances() == {}
        assert trees.scores(rows).tobytes() == np.concatenate([trees.scores(rows[:100])] * (len(rows) // 100)).tobytes()


class TestFeatures:
    def test_tracks_of_unknown_artists_are_of_no_common_one(self):
        """A listener who played one has played none of the artist of another."""
        facts, history = (
            TrackFacts(*(np.zeros(3, int),) * 2, np.array([-1, -1, 0])),
            Played(np.array([0, 1]), np.array([0])),
        )
        nothing = np.zeros((1, 1, 2))
        pool = Pool(np.array([[1, 2]]), nothing, np.ones(1, bool), np.ones(1, bool), nothing)
        assert features(pool, np.array([0]), history, facts)[:, -1].tolist() == [0, 0]

    def test_each_column_is_what_its_name_says(self, parts):
        """Scores, z-scores and places of each component, then listeners, age, and what the listener played before."""
        components, played = parts
        pool = pool_of(components, np.array([3, 5]), played.rows(np.array([3, 5])), DEPTH)
        rows, names = features(pool, np.array([3, 5]), played, FACTS), feature_names(LABELS)
        cols, own = pool.cols[0][pool.cols[0] >= 0], played.of(3)
        found = dict(zip(names, rows[: len(cols)].T, strict=True))
        expected = components[0].scores(np.full(len(cols), 3), cols)
        np.testing.assert_allclose(found["score of als"], expected)
        assert cols[found["place of als"] == 0] == cols[np.argmax(expected)]
        assert (found["listeners of the track"] == FACTS.listeners[cols]).all()
        assert (found["days since its first play"] == FACTS.ages[cols]).all()
        assert (found["tracks played"] == len(own)).all()
        of_artist = [(FACTS.artists[own] == artist).sum() if artist >= 0 else 0 for artist in FACTS.artists[cols]]
        assert found["tracks played of its artist"].tolist() == of_artist
        assert max(of_artist) > 0

    def test_importances_are_shares_of_the_named_columns(self, ranked):
        """Largest first, together one."""
        shares = ranked.trees.importances()
        assert shares.keys() <= set(feature_names(LABELS))
        assert sum(shares.values()) == pytest.approx(1.0)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)

    def test_facts_of_different_lengths_are_refused(self):
        """Files that do not belong together are no facts."""
        files = dict(FACTS.files())
        files["ranker_ages"] = files["ranker_ages"][1:]
        with pytest.raises(BadData, match="different numbers of tracks"):
            TrackFacts.of(files)

    def test_facts_in_other_columns_say_nothing_of_unknown_tracks(self):
        """No listeners, no age, and nobody's artist; of the others what they said."""
        found = FACTS.of_columns(np.array([7, -1, 3]))
        assert found.listeners.tolist() == [FACTS.listeners[7], 0, FACTS.listeners[3]]
        assert found.ages.tolist() == [FACTS.ages[7], 0, FACTS.ages[3]]
        assert found.artists.tolist() == [FACTS.artists[7], -1, FACTS.artists[3]]

    def test_other_bytes_are_no_trees(self):
        """A damaged text is an error in our words."""
        with pytest.raises(BadData, match="no trees"):
            Trees(b"tree\nnothing").scores(np.zeros((1, 2), np.float32))
