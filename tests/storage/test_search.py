"""A search of every file: whoever stands in one is found, by id or by vector, and nobody else is."""

import json

import numpy as np
import pyarrow as pa
import pytest

from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.search import Found, Search, every_file, own_vectors

VECTORS = np.random.default_rng(1).standard_normal((50, 8)).astype(np.float32)


@pytest.fixture
def filled(store):
    """A store with a vocabulary, vectors, a text, and tracks that have the numbers of users."""
    store.put("matrices/a", "0", {}, {"users": pa.table({"id": [5, 6]}), "tracks": pa.table({"id": [5, 7]})})
    store.put("models/a", "1", {}, {"user_factors": VECTORS, "item_factors": VECTORS[:10] + 1})
    store.create("runs/a/publish.json", json.dumps({"by": "olga", "why": "listener 5 asked"}).encode())
    return store


def search(store, *ids, vectors=None, but=()):
    """What a search finds."""
    return Search(pa.array(ids, pa.int64()), vectors).of(store, list(every_file(store, but)))


class TestSearch:
    def test_ids_are_found_where_users_stand(self, filled):
        """In the vocabulary of the users and in the text; a track of the same number is another thing."""
        assert search(filled, 5, 6) == [Found("matrices/a/users.parquet", 2), Found("runs/a/publish.json", 1)]
        assert search(filled, 7) == []

    @pytest.mark.parametrize("row", [0, 17, 49])
    def test_vectors_are_found_by_their_bytes(self, filled, row):
        """Wherever in a file they lie; one that differs in a bit is another one, and one of zeros is nobody's."""
        assert search(filled, 8, vectors=[VECTORS[row].tobytes()]) == [Found("models/a/user_factors.npy", 0, 1)]
        other = VECTORS[row].copy()
        other[7] = np.nextafter(other[7], np.float32(9))
        assert search(filled, 8, vectors=[other.tobytes(), bytes(32)]) == []

    def test_a_vector_that_another_has_too_is_nobodys(self):
        """Whoever listened to just the same has just the same vector, and it stays."""
        vectors = VECTORS[[0, 1, 0, 2]]
        assert own_vectors(vectors, np.array([True, True, False, False])) == [VECTORS[1].tobytes()]

    def test_vectors_of_several_lengths_are_looked_for_together(self, filled):
        """After a change of the number of factors, releases of both are kept."""
        short = VECTORS[3, :5].tobytes()
        assert search(filled, 8, vectors=[short, VECTORS[4].tobytes()]) == [Found("models/a/user_factors.npy", 0, 2)]

    def test_a_damaged_table_counts_as_holding_everybody(self, filled):
        """Nobody can say who stands there."""
        filled.replace("matrices/a/users.parquet", b"PAR1")
        assert search(filled, 8) == [Found("matrices/a/users.parquet", 1)]

    def test_an_empty_folder_holds_nobody(self, tmp_path):
        """What a kill left of an artefact, or the folder of temporary files, is no file and no fault."""
        (tmp_path / ".tmp").mkdir()
        (tmp_path / "runs" / "a").mkdir(parents=True)
        assert search(PosixStore(tmp_path), 8, vectors=[VECTORS[0].tobytes()]) == []

    def test_settings_are_no_mentions(self, store):
        """A listener may be called like a word of a manifest, which must stay as it was sealed."""
        store.put("models/a", "0", {"backend": "implicit"}, {})
        store.create("runs/a/train_als.json", b'{"why": "implicit asked"}')
        found = Search(pa.array(["implicit"])).of(store, list(every_file(store)))
        assert [each.name for each in found] == ["runs/a/train_als.json"]

    def test_folders_can_be_left_out(self, filled):
        """The list of requests names who is looked for."""
        assert [found.name for found in search(filled, 5, but=("runs",))] == ["matrices/a/users.parquet"]
