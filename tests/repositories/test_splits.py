"""Stored splits: the groups and the day come back as they were made, and nothing else is ever taken for a split."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import numpy as np
import pytest
from folding import folded, hiding
from stored_objects import flip
from strategies import play_counts

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.core.records import as_json, from_json
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.split import SplitKey, key_of_format_1, split_day, split_key
from recsys_tasks.repositories.splits import SALT, Splits, split_name

CONFIG = hiding(blend_share=0.25)
FIRST, SECOND = {(u, 0): 1 for u in range(40)}, {(u, 1 + u % 3): 2 for u in range(50)}
FILES = ("gate_rows", "blend_rows", "day_indptr", "day_cols", "day_plays")


@pytest.fixture(scope="module")
def made():
    """The split of a day, and its key."""
    matrix, day = folded([FIRST, SECOND])
    key = split_key(day, chain_digests(matrix.chain)[-1], CONFIG)
    return key, split_day(matrix, play_counts(SECOND), day, CONFIG)


@pytest.fixture
def splits(store, made):
    """The splits of a store that has this one."""
    splits = Splits(store)
    splits.save(*made)
    return splits


class TestRoundTrip:
    def test_the_split_comes_back(self, splits, made):
        """Both groups, neither empty, and the day in the matrix's rows."""
        key, split = made
        found = splits.load(key.day, key.digest)
        assert (len(split.gate_rows), len(split.blend_rows)) == (20, 10)
        assert found.gate_rows.tolist() == split.gate_rows.tolist()
        assert found.blend_rows.tolist() == split.blend_rows.tolist()
        assert (found.day_counts != split.day_counts).nnz == 0
        assert found.day_counts.shape == split.day_counts.shape

    def test_the_key_comes_back(self, splits, made):
        """Who asks which settings made a split gets them as they were, digest and all."""
        key, _ = made
        assert splits.holds(key)
        assert splits.find(key.day, key.digest) == splits.key(key.day, key.digest) == key
        assert splits.key(key.day, key.digest).settings["blend_share"] == 0.25

    def test_other_settings_are_another_split(self, splits, made):
        """Only the length of the lists changes nothing of who is hidden."""
        key, _ = made
        assert split_key(key.day, key.matrix, CONFIG.model_copy(update={"k": 20})) == key
        other = split_key(key.day, key.matrix, CONFIG.model_copy(update={"salt": "another"}))
        assert not splits.holds(other)
        assert splits.find(key.day, other.digest) is None
        with pytest.raises(NotStored, match="Run increment_matrix"):
            splits.key(key.day, other.digest)

    def test_a_split_without_a_blend_has_nobody_in_it(self, store):
        """The group is empty, and comes back as one."""
        config, (matrix, day) = hiding(), folded([FIRST, SECOND])
        key = split_key(day, "m" * 64, config)
        Splits(store).save(key, split_day(matrix, play_counts(SECOND), day, config))
        assert len(Splits(store).load(day, key.digest).blend_rows) == 0


BEFORE_SALTS = {
    "day": "2026-02-03",
    "groups": {"blend_share": 0.0, "max_users": 10000, "salt": "recsys", "wanted_users": 4000},
    "matrix": "5eedf1f3f4f61bdd55447e35f97abb9296095f2d7af6b7f9967e248653a39416",
    "splitting": 1,
}
"""The key of a split as it was stored in format 1, and its digest."""
ITS_DIGEST = "6774ee2d85cb03517fc806e36c61f7f57904d339c4a92bb07e9e6d2d793c62ee"


class TestKeys:
    def test_a_split_of_before_the_drawn_salt_is_still_itself(self):
        """A stored key of format 1 is read, keeps its digest, and shows its salt to nobody."""
        key = from_json(SplitKey, BEFORE_SALTS)
        assert as_json(key) == BEFORE_SALTS
        assert key.digest == ITS_DIGEST
        assert key == key_of_format_1(key.day, key.matrix, EvaluationConfig())
        assert "salt" not in key.settings
        assert key.settings["wanted_users"] == 4000

    def test_a_key_names_the_digest_of_the_salt_alone(self):
        """The key tells two salts apart, and neither can be read from it."""
        one, other = (split_key(date(2026, 2, 3), "m" * 64, hiding(salt=salt)) for salt in ("a" * 32, "b" * 32))
        assert one.digest != other.digest
        assert "a" * 32 not in str(as_json(one))


class TestSalt:
    def test_the_first_salt_of_a_store_stays(self, store):
        """Whoever asks later is given the first one."""
        assert [Splits(store).salt(fresh) for fresh in ("first", "second", "third")] == ["first"] * 3

    def test_first_runs_at_once_agree(self, store):
        """Eight runs that each draw a salt on an empty store go on with one and the same."""
        together = Barrier(8)

        def first_run(number):
            together.wait()
            return Splits(store).salt(f"salt {number}")

        with ThreadPoolExecutor(8) as runs:
            assert len(set(runs.map(first_run, range(8)))) == 1

    @pytest.mark.parametrize(
        "content", [b"", b"{}", b"[1]", b'{"salt": "a"}', b'{"salt":"","sha256":""}', b"x" * 2000], ids=range(6)
    )
    def test_a_damaged_salt_is_refused(self, store, content):
        """No other salt is taken instead, which would hide other listeners unseen; the message names the object."""
        Splits(store).salt("first")
        store.replace(SALT, content)
        with pytest.raises(CorruptArtefact, match=SALT):
            Splits(store).salt("second")

    def test_a_flipped_byte_is_refused(self, store):
        """A salt that merely looks like one is none."""
        Splits(store).salt("first")
        flip(store, SALT)
        with pytest.raises(CorruptArtefact, match="Restore it from a backup"):
            Splits(store).salt("second")


class TestRefused:
    @pytest.mark.parametrize("file", FILES)
    def test_a_flipped_byte_is_refused(self, splits, store, made, file):
        """Other listeners would be hidden than those that the training left out."""
        key, _ = made
        flip(store, f"{split_name(key.day, key.digest)}/{file}.npy")
        with pytest.raises(CorruptArtefact, match=file):
            splits.load(key.day, key.digest)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"blend_rows": np.array([0, 1, 2])}, "two groups"),
            ({"gate_rows": np.array([3, 2])}, "not in order"),
            ({"gate_rows": np.array([49, 50])}, "not among 50 listeners"),
            ({"day_cols": np.full(50, 4, np.int32)}, "outside of the 4 tracks"),
        ],
    )
    def test_what_is_no_split_is_refused(self, store, made, changes, said):
        """Files that are vouched for and yet name somebody twice, or nobody: the message says where they lie."""
        key, split = made
        day = split.day_counts
        values = (np.array([0, 5]), split.blend_rows[:0], day.indptr, day.indices, day.data)
        files, figures = dict(zip(FILES, values, strict=True)), {"users": day.shape[0], "tracks": day.shape[1]}
        store.put(split_name(key.day, key.digest), key.digest, as_json(key), files | changes, figures)
        with pytest.raises(BadData, match=said) as caught:
            Splits(store).load(key.day, key.digest)
        assert "It is stored in" in str(caught.value)
