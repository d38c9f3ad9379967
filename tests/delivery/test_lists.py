"""Lists as rows, what was shown before, and the figures of lists, each against a plain computation."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.delivery.earlier import ShownBefore, together
from recsys_tasks.delivery.figures import ListFigures
from recsys_tasks.delivery.products import DISCOVER, PRODUCTS, TRACK, USER
from recsys_tasks.delivery.rows import list_rows

TRACKS = pa.array(["a", "b", "c", "d", "e"])
LISTS = np.array([[0, 1, -1], [-1, -1, -1], [4, 0, 2]], np.int32)


def sets(played):
    """The columns of each listener."""
    return [set(played.of(row).tolist()) for row in range(len(played.indptr) - 1)]


class TestRows:
    def test_each_place_that_holds_something_is_a_row(self):
        """Ranks from 1, lists without a track have none, and a reason may be missing."""
        schema = PRODUCTS[DISCOVER].schema({USER: pa.int64(), TRACK: pa.string()})
        reasons = np.array([[3, -1, -1], [-1, -1, -1], [-1, -1, 1]], np.int32)
        scores = np.where(LISTS >= 0, LISTS / 4, -np.inf).astype(np.float32)
        named = {"track_id": (TRACKS, LISTS), "reason": (TRACKS, reasons)}
        rows = list_rows(schema, {"user_id": pa.array([10, 20, 30])}, named, scores, 7)
        assert [tuple(row.values()) for row in rows.to_pylist()] == [
            (10, 1, "a", 0.0, "d", 7),
            (10, 2, "b", 0.25, None, 7),
            (30, 1, "e", 1.0, None, 7),
            (30, 2, "a", 0.0, None, 7),
            (30, 3, "c", 0.5, "b", 7),
        ]


class TestShownBefore:
    @pytest.fixture
    def files(self, tmp_path):
        """A delivery in two files, to listeners 1 to 40 but every fourth, of a track that is gone and two others."""
        rows = [(user, track) for user in range(1, 41) if user % 4 for track in ("gone", "abcde"[user % 5], "e")]
        places = [tmp_path / "discover-001.parquet", tmp_path / "discover-002.parquet"]
        for place, some in zip(places, (rows[:50], rows[50:]), strict=True):
            users, tracks = zip(*some, strict=True)
            pq.write_table(pa.table({"user_id": users, "track_id": tracks}), place, row_group_size=7)
        return places

    @pytest.mark.parametrize("batch", [1, 3, 7, 60])
    def test_everybody_gets_what_they_were_shown(self, files, batch, monkeypatch):
        """In batches of any size, whoever is new or was left out among them; tracks that are gone are left out."""
        monkeypatch.setattr("recsys_tasks.delivery.earlier.BATCH", 5)
        shown, found = ShownBefore(files), []
        users = [*range(0, 41), 99]
        for start in range(0, len(users), batch):
            found += sets(shown.of(pa.array(users[start : start + batch]), TRACKS))
        expected = [{user % 5, 4} if user % 4 and user < 41 else set() for user in users]
        assert found == expected

    def test_several_are_joined_listener_by_listener(self, files):
        """Nobody gets another's tracks; of no delivery at all, nothing."""
        users = pa.array([1, 2, 3])
        both = together([ShownBefore(files).of(users, TRACKS), ShownBefore(files[:1]).of(users, TRACKS)], 3)
        assert sets(both) == [{1, 4}, {2, 4}, {3, 4}]
        assert sets(together([], 2)) == [set(), set()]


class TestFigures:
    def test_shares_are_of_places_and_lists(self):
        """Two of three listeners have lists; every figure can be counted on fingers."""
        new, artists = np.array([True, False, False, False, True]), np.array([0, 0, 1, -1, 2])
        figures = ListFigures(new, artists, np.array([0, 0, 0, -1, 0]))
        before = {"last": together([], 3), "week": ShownBefore([]).of(pa.array([1, 2, 3]), TRACKS)}
        before["last"] = before["last"]._replace(indptr=np.array([0, 1, 2, 4]), cols=np.array([1, 0, 2, 4]))
        figures.add(LISTS, np.array([False, False, True]), before, len(TRACKS))
        assert figures.figures() == {
            "listeners": 3,
            "listed": 2,
            "coverage": pytest.approx(2 / 3, abs=1e-6),
            "popular_lists": 1,
            "places": 5,
            "distinct_tracks": 4,
            "new_tracks": 0.6,
            "artists_a_list": 2.0,
            "countries_a_list": 1.0,
            "repeats": {"last": 0.6, "week": 0.0},
        }
