"""The stored release log, on the disk and in memory: one winner, nothing lost, and no damage that is passed over."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from log_entries import entry

from recsys_tasks.core.errors import BadData, CorruptArtefact, NoRelease, PublishConflict
from recsys_tasks.pages.logbook import LogBook
from recsys_tasks.release.releases import LARGEST_ENTRY, LOG, Releases, entry_name
from recsys_tasks.storage.posix import PosixStore


def publish_many(releases, writer, count):
    """Publish again and again, retrying when another was first."""
    for n in range(count):
        while True:
            try:
                releases.append(entry(len(releases.log().entries) + 1, 5, f"{writer}-{n}"))
                break
            except PublishConflict:
                continue


def publish_many_on_disk(root: str, writer: int, count: int) -> None:
    """The same, as a process of its own."""
    publish_many(Releases(PosixStore(Path(root))), writer, count)


def published(store):
    """Digests of what a store's log names, sorted."""
    return sorted(found.candidate for found in Releases(store).log().entries)


class TestAppending:
    def test_an_empty_store_has_an_empty_log(self, store):
        """Before the first release nothing is live, and that is said."""
        log = Releases(store).log()
        assert (log.entries, log.live) == ((), None)
        with pytest.raises(NoRelease):
            log.require_live()

    def test_an_entry_survives_the_store(self, store):
        """What is read is what was written, alone and in the log."""
        written = Releases(store).append(entry(1, 5, figures={"precision": 0.1}))
        assert Releases(store).log().entries == (written,)
        assert Releases(store).entry(1) == written

    def test_a_number_is_taken_once(self, store):
        """A writer that woke late is told that its number is gone; the first entry stays."""
        Releases(store).append(entry(1, 6, "first"))
        with pytest.raises(PublishConflict):
            Releases(store).append(entry(1, 5, "late"))
        assert Releases(store).log().require_live().candidate == "first"

    def test_several_writers_at_once_lose_nothing(self, store):
        """Four threads publish 40 entries in turn: each is there exactly once, without a hole."""
        releases = Releases(store)
        with ThreadPoolExecutor(4) as beside:
            for writing in [beside.submit(publish_many, releases, writer, 10) for writer in range(4)]:
                writing.result(60)
        assert published(store) == sorted(f"{writer}-{n}" for writer in range(4) for n in range(10))

    def test_several_processes_at_once_lose_nothing(self, tmp_path):
        """On the disk four processes do what the threads did, without a lock that they could share."""
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=publish_many_on_disk, args=(str(tmp_path), w, 10)) for w in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
        assert published(PosixStore(tmp_path)) == sorted(f"{w}-{n}" for w in range(4) for n in range(10))


class TestWriting:
    @pytest.mark.parametrize(
        "more",
        [
            {"why": "x" * LARGEST_ENTRY},
            {"figures": {"precision": float("nan")}},
            {"figures": {"sha256": "0" * 64, "z": 1}},
            {"why": "caf\udce9"},
        ],
    )
    def test_what_no_reader_would_take_is_not_written(self, store, more):
        """An entry that cannot be read would stop everything for ever: refused, it leaves the log as it was."""
        releases = Releases(store)
        releases.append(entry(1, 5))
        with pytest.raises(BadData, match="nothing was written"):
            releases.append(entry(2, 6, **more))
        assert [found.number for found in releases.log().entries] == [1]
        assert store.names(LOG) == ["1.json"]


class TestDamage:
    @pytest.mark.parametrize(
        "name", ["0.json", "00.json", "01.json", "-1.json", "٢.json", "2.json.bak", "1e9.json", "x"]
    )
    def test_what_is_no_entry_by_its_name_is_none(self, store, name):
        """A file that somebody laid into the log's folder neither counts as an entry nor hides one."""
        Releases(store).append(entry(1, 5))
        store.create(f"{LOG}/{name}", store.read(entry_name(1)))
        assert [found.number for found in Releases(store).log().entries] == [1]
        newest = Releases(store).append(entry(2, 6, figures={"users": 7}))
        assert LogBook().log(store).require_live() == newest, "pages show all figures of what is live"

    @pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", None])
    def test_a_damaged_newest_entry_never_means_the_one_before(self, store, damage):
        """A torn, foreign or altered newest entry stops everything; the older release is not live in silence."""
        Releases(store).append(entry(1, 5))
        Releases(store).append(entry(2, 6))
        altered = store.read(entry_name(2)).replace(b"candidate 2", b"candidate 9")
        store.replace(entry_name(2), altered if damage is None else damage)
        with pytest.raises(CorruptArtefact, match=r"2\.json"):
            Releases(store).log()

    def test_an_endless_entry_is_not_read(self, store):
        """Nothing that a person would sign is that long: it is refused before it takes the memory."""
        store.create(entry_name(1), entry(1, 5, why="x" * LARGEST_ENTRY).to_bytes())
        with pytest.raises(CorruptArtefact, match=r"1\.json"):
            Releases(store).log()

    def test_an_entry_under_another_number_is_not_taken_for_it(self, store):
        """A sound entry that was copied to the next name would publish a release a second time."""
        Releases(store).append(entry(1, 5))
        store.create(entry_name(2), store.read(entry_name(1)))
        with pytest.raises(CorruptArtefact, match=r"2\.json holds entry 1"):
            Releases(store).log()

    def test_a_hole_in_the_log_is_named(self, store):
        """A removed entry is missed."""
        for n in (1, 2, 3):
            Releases(store).append(entry(n, 5))
        store.remove(entry_name(2))
        with pytest.raises(CorruptArtefact, match=r"2\.json is missing"):
            Releases(store).log()
