"""The step that builds the index: what is done beside the trees changes nothing, and no failure of it is lost."""

import shutil
from datetime import date
from pathlib import Path
from threading import Event

import pytest

from recsys_tasks.core.errors import BadData, SourceUnavailable, StorageError
from recsys_tasks.release.bundles import GATED, NAMES, bundle_name
from recsys_tasks.steps import build_index
from recsys_tasks.steps import index as step
from recsys_tasks.storage.temporary import TEMPORARY

DAY = date(2026, 1, 15)


@pytest.fixture
def unbuilt(copied):
    """A finished store without the newest candidate; its model, and where the candidate will be."""
    (model,) = copied.models.of(DAY)
    (candidate,) = (each for each in copied.bundles.candidates() if model.digest in copied.bundles.key(each).components)
    bundle = copied.store.root / bundle_name(candidate)
    shutil.rmtree(bundle)
    return copied, model.digest, bundle


def no_temporaries(at):
    """Whether nothing half-written is left."""
    return not any((at.store.root / TEMPORARY).iterdir())


class TestBeside:
    def test_a_build_that_fails_fails_the_step(self, unbuilt, monkeypatch):
        """The error of the builder's thread is the step's own, and nothing of the index remains."""
        at, model, bundle = unbuilt

        def full(*_):
            raise StorageError("no room")

        monkeypatch.setattr(step, "build_trees", full)
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
            Path(file).write_bytes(b"trees")
            written.append(Path(file).exists())

        def broken(*_):
            failed.set()
            raise BadData("no answer")

        monkeypatch.setattr(step, "build_trees", slow)
        monkeypatch.setattr(step, "_exact_neighbours", broken)
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
