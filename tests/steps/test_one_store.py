"""A run works on one store: marked once by whoever is first, and every later step refuses another one."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from settings import SIGNED

from recsys_tasks.core.errors import OtherStore
from recsys_tasks.reporting.overview import overview
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import recorded
from recsys_tasks.steps.one_store import begin, same_store
from recsys_tasks.steps.sharing import look_at_store
from recsys_tasks.storage.mark import MARK
from recsys_tasks.storage.posix import PosixStore

NOW = datetime(2026, 1, 16, tzinfo=UTC)
MEND = "RECSYS_ROOT must be one shared folder, or bucket, on every machine that runs tasks"


class TestMark:
    def test_it_is_made_once(self, store):
        """Whoever begins later finds what the first one drew, of many at once too."""
        with ThreadPoolExecutor(8) as steps:
            began = list(steps.map(lambda _: begin(store, NOW), range(24)))
        assert len({each.id for each in began}) == 1
        assert same_store(store, began[0]) == began[0]

    def test_two_stores_have_two(self, tmp_path):
        """What tells them apart is drawn, not made from what they hold."""
        assert begin(PosixStore(tmp_path / "a"), NOW).id != begin(PosixStore(tmp_path / "b"), NOW).id

    def test_a_store_of_an_earlier_version_gets_one_with_its_next_day(self, copied):
        """Its artefacts stay as they are; readers alone would have left it without one."""
        (copied.store.root / MARK).unlink()
        Reader(copied.store).recommend(5)
        overview(copied.store, NOW)
        assert not look_at_store(copied.store).id
        assert not copied.store.holds(MARK)
        assert begin(copied.store, NOW).id == json.loads(copied.store.read(MARK))["id"]

    def test_every_record_of_a_run_says_on_which_store_it_was(self, finished):
        """Also the machine and the folder, as it was called there."""
        stores = [record["store"] for record in finished.runs.of_step("publish")]
        assert {each["id"] for each in stores} == {begin(finished.store, NOW).id}
        assert {each["root"] for each in stores} == {str(finished.store.root)}


class TestAnother:
    def test_a_step_refuses_another_store(self, tmp_path):
        """It names both with their machines, and says what to mend; nothing is recorded there."""
        here, there = PosixStore(tmp_path / "here"), PosixStore(tmp_path / "there")
        begun_on = replace(begin(there, NOW), host="other-host")
        begin(here, NOW)
        said = rf"works on store [0-9a-f]{{8}} at {here.root} on .*; the day began on store {begun_on.id[:8]} at "
        with (
            pytest.raises(OtherStore, match=rf"{said}{there.root} on other-host\. {MEND}"),
            recorded(here, "run", "train_als", SIGNED.by, lambda: NOW, begun_on),
        ):
            pytest.fail("it began to work")
        assert here.names("") == [".tmp", MARK]

    def test_a_step_refuses_a_folder_without_a_store(self, tmp_path):
        """A machine on which the folder is not mounted: it makes no store there, and says so."""
        begun_on = begin(PosixStore(tmp_path / "there"), NOW)
        with pytest.raises(OtherStore, match=f"finds no store at {tmp_path / 'here'} on .*nothing lies there.*{MEND}"):
            same_store(PosixStore(tmp_path / "here"), begun_on)
        assert not (tmp_path / "here").exists()

    def test_a_store_that_was_moved_is_the_same(self, copied, tmp_path):
        """A run that is cleared after that goes on: the mark goes along."""
        begun_on = begin(copied.store, NOW)
        moved = PosixStore(shutil.move(copied.store.root, tmp_path / "moved"))
        assert same_store(moved, begun_on).id == begun_on.id
        assert Reader(moved).entry.day == date(2026, 1, 15)
