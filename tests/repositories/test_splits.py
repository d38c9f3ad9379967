"""Stored splits: the groups and the day come back as they were made, and nothing else is ever taken for a split."""

import numpy as np
import pytest
from folding import folded
from stored_objects import flip
from strategies import play_counts

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.errors import BadData, CorruptArtefact, NotStored
from recsys_tasks.core.records import as_json
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.matrix.split import split_day, split_key
from recsys_tasks.repositories.splits import Splits, split_name

CONFIG = EvaluationConfig(blend_share=0.25)
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
        assert splits.key(key.day, key.digest).config.blend_share == 0.25

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
        config, (matrix, day) = EvaluationConfig(), folded([FIRST, SECOND])
        key = split_key(day, "m" * 64, config)
        Splits(store).save(key, split_day(matrix, play_counts(SECOND), day, config))
        assert len(Splits(store).load(day, key.digest).blend_rows) == 0


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
