"""What the catalogue says of tracks, as vectors, and which of them are near to each other."""

import numpy as np
import pyarrow as pa
import pytest
from recommenders.catalogues import snapshot

from recsys_tasks.recommenders.content_features import content_features
from recsys_tasks.recommenders.nearest_content import nearest_content

IDS = pa.array(range(6), pa.int64())


def cosines(table, weights=None, most_tracks=100, ids=IDS):
    """Cosine of each pair of tracks."""
    features = content_features(table, ids, weights or {}, most_tracks).features
    return (features @ features.T).toarray()


class TestFeatures:
    def test_tracks_of_one_artist_are_alike(self):
        """A common artist makes two tracks alike, an artist of one track says nothing, and a missing one neither."""
        found = cosines(snapshot(range(6), ["a", "a", "b", "b", "c", None]))
        np.testing.assert_allclose(found[:4, :4], np.kron(np.eye(2), np.ones((2, 2))), atol=1e-6)
        assert not found[4:].any()

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("tags", [["x", "y"], ["x"], ["z"], ["z"], [], None]),
            ("about", ["slow x", "X, slow", "loud", "LOUD!", "", None]),
            ("album_id", [7, 7, 8, 8, 9, None]),
            ("live", [True, True, False, False, None, None]),
            ("tempo", [90.0, 91.0, 150.0, 151.0, 200.0, None]),
        ],
    )
    def test_each_kind_of_feature_tells_two_pairs_apart(self, name, values):
        """Tags, text, numbers that name something, truth and measured numbers each say which tracks belong together."""
        found = cosines(snapshot(range(6), **{name: values}))
        assert found[0, 1] > found[0, 2]
        assert found[2, 3] > found[1, 3]
        assert not found[5].any()

    def test_a_weight_says_what_counts(self):
        """A feature of weight 0 says nothing; one of a larger weight says more."""
        table = snapshot(range(6), ["a", "a", "b", "b", "b", "b"], tags=[["x"], ["y"], ["x"], ["y"], ["z"], ["z"]])
        assert cosines(table, {"tags": 0})[0, 2] == 0
        assert cosines(table, {"tags": 3})[0, 2] > cosines(table)[0, 2] > 0

    def test_a_term_of_too_many_tracks_makes_none_alike(self):
        """What nearly all tracks share is left out: it would cost a pair for any two of them."""
        table = snapshot(range(6), tags=[["x", "w"], ["x", "w"], ["x"], ["x"], ["x"], []])
        assert cosines(table, most_tracks=4)[2, 3] == 0
        assert cosines(table, most_tracks=4)[0, 1] == pytest.approx(1)
        halves = snapshot(range(6), tags=[["x"], ["x"], ["x"], ["y"], ["y"], ["y"]])
        assert [cosines(halves, most_tracks=most)[0, 1] for most in (2, 3)] == [0, pytest.approx(1)]

    def test_bins_of_numbers_are_filled_alike_from_either_end(self):
        """The lowest number lies in the first bin, the highest in the last: numbers turned around are as much alike."""
        ids, numbers = pa.array(range(32), pa.int64()), list(np.arange(32.0) ** 2)
        found = cosines(snapshot(range(32), tempo=numbers), ids=ids)
        np.testing.assert_allclose(found, found[::-1, ::-1], atol=1e-6)
        assert found[0, 1] > 0 == found[0, 31]

    def test_a_term_of_another_feature_is_another_mark(self):
        """What moved from one feature to another tells a track apart from what it was the day before."""
        said = [["x"], ["x"], ["y"], ["y"], ["z"], ["z"]]
        one, other = (content_features(snapshot(range(6), **{name: said}), IDS, {}, 9) for name in ("mood", "era"))
        assert (one.features != other.features).nnz == 0
        assert (one.marks != other.marks).all()

    def test_rows_follow_the_ids_and_not_the_snapshot(self):
        """A track stands where its id does; one that the snapshot does not know has no features."""
        table = snapshot([3, 1, 5, 6], ["a", "a", "b", "c"])
        found = content_features(table, pa.array([1, 2, 3, 5], pa.int64()), {}, 100).features
        assert np.diff(found.indptr).tolist() == [1, 0, 1, 0]


class TestNearest:
    def test_each_track_has_its_nearest_known_ones(self):
        """A column holds the nearest known tracks, never the track itself, whatever is computed together by how many
        threads."""
        rng = np.random.default_rng(3)
        tags = [[f"t{t}" for t in rng.integers(0, 9, 4)] for _ in range(40)]
        features = content_features(snapshot(range(40), tags=tags), pa.array(range(40), pa.int64()), {}, 100).features
        known, cosine = np.arange(0, 40, 2), (features @ features.T).toarray()
        found = nearest_content(features, known, 5)
        assert (found != nearest_content(features, known, 5, products=50)).nnz == 0
        assert (found != nearest_content(features, known, 5, products=50, threads=3)).nnz == 0
        for track in range(40):
            own = found[:, [track]].tocoo()
            others = known[(known != track) & (cosine[known, track] > 0)]
            best = others[np.lexsort((others, -cosine[others, track]))][:5]
            assert sorted(own.row.tolist()) == sorted(best.tolist())
