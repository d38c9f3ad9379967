"""The step that builds the index: what is done beside the trees changes nothing, and no failure of it is lost."""

import shutil
from datetime import date, timedelta
from threading import Event

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal
from strategies import days_of_events, play_counts

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.errors import BadData, SourceUnavailable, StorageError
from recsys_tasks.matrix.holdout import hold_out
from recsys_tasks.matrix.play_matrix import day_counts, empty_matrix, fold
from recsys_tasks.release.bundle import GATED, NAMES
from recsys_tasks.steps import build_index
from recsys_tasks.steps import index as step
from recsys_tasks.steps.index import played_by, trained_by
from recsys_tasks.storage.files import TEMPORARY

START, DAY = date(2026, 1, 5), date(2026, 1, 15)


class TestTrainedBy:
    @given(days_of_events)
    def test_is_what_the_whole_training_split_says(self, days):
        """Of some rows alone come the very tracks that the split of the whole matrix holds in these rows."""
        matrix = empty_matrix(pa.int64(), pa.int64())
        for n, events in enumerate(days):
            matrix = fold(matrix, START + timedelta(days=n), play_counts(events), str(n))
        counts, rows = play_counts(days[-1]), np.arange(len(matrix.users))[::-2]
        split = hold_out(matrix, counts, matrix.chain[-1][0], EvaluationConfig())
        of_day = day_counts(counts, matrix.users, matrix.tracks)
        found, expected = trained_by(matrix.counts, of_day, split.user_rows, rows), played_by(split.training, rows)
        assert_array_equal(found.indptr, expected.indptr)
        assert_array_equal(found.cols, expected.cols)

    def test_a_track_of_the_day_alone_was_not_played(self):
        """What a hidden user first heard on that day is theirs to discover; whoever is not hidden has heard it."""
        days = [{(u, 0): 1 for u in range(4)}, {(u, 1 - u % 2): 2 for u in range(4)}]
        matrix = empty_matrix(pa.int64(), pa.int64())
        for n, events in enumerate(days):
            matrix = fold(matrix, START + timedelta(days=n), play_counts(events), str(n))
        of_day = day_counts(play_counts(days[1]), matrix.users, matrix.tracks)
        found = trained_by(matrix.counts, of_day, np.array([0, 1]), np.arange(4))
        assert [found.of(row).tolist() for row in range(4)] == [[0], [0], [0, 1], [0]]


@pytest.fixture
def unbuilt(copied):
    """A finished store without the newest candidate; its model, and where the candidate will be."""
    manifest = copied.store.models_of(DAY)[0]
    (gated,) = (path for path in copied.store.root.glob(f"bundles/*/{GATED}") if is_of(path, manifest["digest"]))
    shutil.rmtree(gated.parent)
    return copied, manifest["digest"], gated.parent


def is_of(gated, model):
    """Whether a stored gated part was made of a model."""
    return model in (gated / "manifest.json").read_text()


def no_temporaries(at):
    """Whether nothing half-written is left."""
    return not any((at.store.root / TEMPORARY).iterdir())


class TestBeside:
    def test_a_build_that_fails_fails_the_step(self, unbuilt, monkeypatch):
        """The error of the builder's thread is the step's own, and nothing of the index remains."""
        at, model, bundle = unbuilt

        def full(*_):
            raise StorageError("no room")

        monkeypatch.setattr(step, "build_annoy", full)
        with pytest.raises(StorageError, match="no room"):
            build_index(at, DAY, model)
        assert not (bundle / GATED).exists()
        assert no_temporaries(at)

    def test_what_fails_beside_the_trees_waits_for_them(self, unbuilt, monkeypatch):
        """Annoy would write into a directory that was removed under it, or into the next one of that name."""
        at, model, bundle = unbuilt
        failed, written = Event(), []

        def slow(_factors, file, *_):
            failed.wait(10)
            file.write_bytes(b"trees")
            written.append(file.exists())

        def broken(*_):
            failed.set()
            raise BadData("no answer")

        monkeypatch.setattr(step, "build_annoy", slow)
        monkeypatch.setattr(step, "_truth", broken)
        with pytest.raises(BadData, match="no answer"):
            build_index(at, DAY, model)
        assert written == [True]
        assert not (bundle / GATED).exists()
        assert no_temporaries(at)

    def test_names_that_cannot_be_read_cost_no_index(self, unbuilt, monkeypatch):
        """A source that is down fails the step as its own error; the next run finds the index and makes the names."""
        at, model, bundle = unbuilt

        def down(*_):
            raise SourceUnavailable("down")

        with monkeypatch.context() as patched:
            patched.setattr(step, "_names", down)
            with pytest.raises(SourceUnavailable, match="down"):
                build_index(at, DAY, model)
        assert (bundle / GATED).is_dir()
        assert not (bundle / NAMES).exists()
        build_index(at, DAY, model)
        assert (bundle / NAMES).is_dir()
