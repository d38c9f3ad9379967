"""The check of the split: no hidden play is known to the training, and nothing else is missing from it."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from opened_candidates import DAY, failing_of_matrix, thinned
from scipy import sparse

from recsys_tasks.core.domain import PlayMatrix, Vocabulary
from recsys_tasks.gate.matrix_checks import split_check
from recsys_tasks.matrix.row_ranges import whole
from recsys_tasks.matrix.split import Holdout, Split, hold_out, split_day

NOBODY, ONE = np.zeros(0, np.int64), np.zeros(1, np.int64)


HIDDEN = {"hidden plays absent"}


def failing(at, opened, **changes):
    """Names of the matrix's checks that do not pass where the holdout is another."""
    return failing_of_matrix(at, opened.matrix, opened.split, replace(opened.holdout, **changes))


def test_hidden_plays_in_the_training_are_seen(finished, sound):
    """A split that leaves the hidden listeners' day in the training hides nothing."""
    assert failing(finished, sound, training=sound.matrix.counts) == HIDDEN


def test_a_hidden_play_that_was_known_before_is_seen(finished, sound):
    """Who is asked for a track of their own history is asked for nothing."""
    assert failing(finished, sound, hidden=sound.holdout.history) == HIDDEN


def test_more_taken_out_than_the_day_is_seen(finished, sound):
    """The training lacks the hidden listeners' day and nothing else."""
    assert failing(finished, sound, training=thinned(whole(sound.holdout.training), 0.001)) == HIDDEN


class TestBlend:
    @pytest.fixture
    def blended(self, finished, sound):
        """The split of the same day that hides a fifth of the listeners for a blend as well."""
        counts = finished.partitions.load(*sound.matrix.chain[-1])
        config = finished.config.evaluation.model_copy(update={"blend_share": 0.2})
        split = split_day(sound.matrix, counts, DAY, config)
        assert len(split.blend_rows) > 100
        return split

    def test_the_day_of_the_blends_listeners_is_hidden_too(self, finished, sound, blended):
        """A training without the day of both groups passes, though the gate asks one of them only."""
        holdout = hold_out(sound.matrix, blended)
        assert len(holdout.user_rows) == len(blended.gate_rows) < len(blended.hidden_rows)
        assert failing_of_matrix(finished, sound.matrix, blended, holdout) == set()

    def test_plays_of_the_blends_listeners_in_the_training_are_seen(self, finished, sound, blended):
        """Weights fitted on plays that the components have seen would flatter them."""
        leaking = hold_out(sound.matrix, replace(blended, blend_rows=NOBODY))
        assert failing_of_matrix(finished, sound.matrix, blended, leaking) == HIDDEN

    def test_a_day_taken_out_for_nobodys_blend_is_seen(self, finished, sound, blended):
        """Where the split names no blend, nobody's plays but those of the gate's listeners are missing."""
        alone, fewer = replace(blended, blend_rows=NOBODY), hold_out(sound.matrix, blended)
        assert failing_of_matrix(finished, sound.matrix, alone, fewer) == HIDDEN


@pytest.mark.parametrize(("gate", "blend"), [(ONE, NOBODY), (NOBODY, ONE)], ids=["gate", "blend"])
def test_a_count_that_fell_below_zero_is_seen(gate, blend):
    """Five plays hidden of the three that there are: what remains began again at 2^32, and adds up all the same."""
    ids = Vocabulary(pa.array([1], type=pa.int64()), np.zeros(1, np.int32))
    one, three, five = (sparse.csr_matrix(np.array([[plays]], np.uint32)) for plays in (2**32 - 2, 3, 5))
    matrix = PlayMatrix(three, ids, ids, ((DAY, "digest"),))
    nothing = sparse.csr_matrix((len(gate), 1), dtype=np.uint32)
    found = split_check(matrix, Split(gate, blend, five), Holdout(gate, one, one[gate], nothing))
    assert not found.passed
    assert found.found.startswith("1 pairs differ")
