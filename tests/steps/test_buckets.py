"""A day on a store in a bucket, through the same steps: the same bytes as on a disk, and a store that can be moved."""

import json
from datetime import UTC, date, datetime

import pytest
from settings import SIGNED, artefacts_of, config, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import ConfigError, OtherStore
from recsys_tasks.core.roots import OPTIONS
from recsys_tasks.serving.reader import Reader
from recsys_tasks.setup.bucket_checks import bucket_checks
from recsys_tasks.steps import Workplace, retain
from recsys_tasks.steps.copying import copy_store
from recsys_tasks.steps.one_store import StoreUsed, same_store
from recsys_tasks.steps.publish import set_pin
from recsys_tasks.storage.object_store import ObjectStore

NOW = datetime(2026, 1, 20, tzinfo=UTC)
DAY = date(2026, 1, 13)


def silent(_):
    """Nobody follows the copy."""


@pytest.fixture(scope="module")
def in_a_bucket(object_server, world_dsn, tmp_path_factory):
    """A day that was run on a store in a bucket, and what it said."""
    store = ObjectStore(object_server.bucket("a-day", tmp_path_factory.mktemp("cache")))
    at = Workplace(store, config(), world_dsn)
    return at, run(at, DAY)


class TestADay:
    def test_its_bytes_are_those_of_a_disk(self, in_a_bucket, finished, tmp_path):
        """Every artefact of the day, copied out of the bucket, is the file that the same day left on a disk."""
        at, done = in_a_bucket
        assert done.verdict.outcome == "PASS"
        copied = copy_store(at.store.root, tmp_path / "copy", NOW, silent)
        found, expected = artefacts_of(tmp_path / "copy"), artefacts_of(finished.store.root)
        assert copied.artefacts > 10
        assert {name for name, content in found.items() if expected.get(name) != content} == set()
        assert {name for name in expected if f"/{DAY}" in name} <= found.keys()

    def test_it_downloads_no_file_that_it_made(self, in_a_bucket):
        """The records of its steps say what moved: nothing came down but manifests and other small objects."""
        at, _ = in_a_bucket
        moved = {
            record["step"]: record["moved"] for run in at.store.names("runs") for _, record in at.runs.steps_in(run)
        }
        assert moved["train_als"]["uploaded"] > 400_000
        assert max(step["downloaded"] for step in moved.values()) < 400_000
        assert all(step["requests"] > 0 for step in moved.values())

    def test_another_machine_reads_the_release(self, in_a_bucket, object_server, tmp_path):
        """A reader with an empty cache fetches the release, and answers as the one that has it."""
        at, _ = in_a_bucket
        answers = [
            Reader(store).recommend(1, 5).tracks
            for store in (at.store, ObjectStore(object_server.bucket("a-day", tmp_path / "cache")))
        ]
        assert answers[0] == answers[1]
        assert len(answers[0]) == 5

    def test_retention_and_acts_work_on_it(self, in_a_bucket):
        """A pin is an entry of the log, and retention says what it would remove, by the bucket's own dates."""
        at, _ = in_a_bucket
        before = len(at.releases.log().entries)
        set_pin(at, True, SIGNED)
        assert [entry.kind for entry in at.releases.log().entries[before:]] == ["pin"]
        set_pin(at, False, SIGNED)
        assert retain(at, datetime.now(UTC), dry_run=True).removed == 0

    def test_a_task_that_does_not_share_it_says_so_at_once(self, in_a_bucket, object_server, tmp_path):
        """The first look at a store tells another bucket, or another prefix, from the one on which the day began."""
        at, _ = in_a_bucket
        begun = StoreUsed("0" * 32, at.store.where(""), "worker-1")
        for store in (at.store, ObjectStore(object_server.bucket("another-prefix", tmp_path / "cache"))):
            with pytest.raises(OtherStore, match="the day began on"):
                same_store(store, begun)

    def test_doctor_looks_at_it(self, in_a_bucket, object_server, tmp_path):
        """The conditional put was tried; a wrong key, or an address that is none, fails with what to do."""
        at, _ = in_a_bucket
        found = {check.name: check.state for check in bucket_checks(at.store.root)}
        assert found["store"] == found["store: conditional put"] == "OK"
        wrong = bucket_checks(at.store.root.given({"secret_access_key": "another"}))
        assert ("FAIL", "store: conditional put") in {(check.state, check.name) for check in wrong}

    @pytest.mark.parametrize(
        ("command", "said"), [("store", "its server keeps its word"), ("verify", "is sound"), ("status", "release 1")]
    )
    def test_the_command_line_finds_it_by_its_address(self, in_a_bucket, capsys, command, said):
        """``RECSYS_ROOT=s3://...``, a cache, and what opens the bucket are all that a command needs."""
        root = in_a_bucket[0].store.root
        named = {
            "RECSYS_ROOT": root.url,
            "RECSYS_CACHE": str(root.cache.folder),
            OPTIONS: json.dumps(dict(root.options)),
        }
        assert main([command], named) == 0
        assert said in capsys.readouterr().out.lower()


class TestACopy:
    def test_it_goes_on_where_it_was_stopped(self, finished, object_server, tmp_path):
        """A copy that was stopped has no mark, so that no day begins on it; the next one copies the rest alone."""
        root = object_server.bucket("a-copy", tmp_path / "cache")
        told = []

        def stop(word):
            told.append(word)
            if len(told) == 5:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            copy_store(finished.store.root, root, NOW, stop)
        assert not ObjectStore(root).holds("store.json")
        copied = copy_store(finished.store.root, root, NOW, silent)
        assert copied.there == 5
        assert copy_store(finished.store.root, root, NOW, silent).artefacts == 0
        copy_store(root, tmp_path / "back", NOW, silent)
        assert artefacts_of(tmp_path / "back") == artefacts_of(finished.store.root)

    def test_another_store_is_not_written_over(self, finished, in_a_bucket):
        """A place with releases that the source has not is refused before anything is written."""
        at, _ = in_a_bucket
        with pytest.raises(ConfigError, match="holds another store"):
            copy_store(finished.store.root, at.store.root, NOW, silent)
