"""What the pages remember of a store: every change is seen at once, and nothing else is read again."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from pages_store import LAST, aged, judged_file, log_file
from settings import SIGNED, damage, run

from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.pages.remembered import Memory, RememberedPartitions, RememberedRuns, log_of, rows_of
from recsys_tasks.partitions.repository import partition_name
from recsys_tasks.release.lineage import lineage
from recsys_tasks.release.releases import entry_name
from recsys_tasks.release.series import by_date, series
from recsys_tasks.release.stored_verdicts import VERDICT
from recsys_tasks.steps import roll_back
from recsys_tasks.storage.manifest import MANIFEST
from recsys_tasks.storage.posix import PosixStore


class CountingStore(PosixStore):
    """A store that keeps the names of the small objects that were read."""

    def __init__(self, root):
        super().__init__(root)
        self.reads = []

    def read(self, name, most=None):
        """As ``PosixStore``."""
        self.reads.append(name)
        return super().read(name, most)


@pytest.fixture
def often_switched():
    """Threads take turns after a microsecond, so that one is often interrupted by another."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


class TestMemory:
    def test_a_file_is_read_once_until_it_changes(self, tmp_path):
        """Read, remembered, and read again after a replacement of the same size and time, and after its removal."""
        file, reads, known, store = tmp_path / "file", [], Memory(), PosixStore(tmp_path)

        def ask():
            return known.of(store, ("file",), lambda: reads.append(1) or (file.read_text() if file.exists() else None))

        file.write_text("one")
        aged(tmp_path)
        assert [ask(), ask(), len(reads)] == ["one", "one", 1]
        (tmp_path / "new").write_text("two")
        (tmp_path / "new").rename(file)
        aged(tmp_path)
        assert [ask(), ask(), len(reads)] == ["two", "two", 2]
        file.unlink()
        assert ask() is None

    def test_what_has_just_been_written_is_read_again(self, tmp_path):
        """Within a tick of the file system's clock a second change could go unseen."""
        (tmp_path / "file").write_text("one")
        known, answers = Memory(), iter((1, 2))
        assert [known.of(PosixStore(tmp_path), ("file",), lambda: next(answers)) for _ in range(2)] == [1, 2]

    def test_it_holds_no_more_than_its_bound(self, tmp_path):
        """Of three files of 40 bytes, two stay within 100: that which was asked for longest ago is read again."""
        known, reads = Memory(limit=100), []
        for name in "abc":
            (tmp_path / name).write_text("x" * 40)
        aged(tmp_path)
        for name in "ababca":
            known.of(PosixStore(tmp_path), (name,), lambda name=name: reads.append(name))
        assert reads == ["a", "b", "c", "a"]

    def test_what_is_larger_than_the_bound_pushes_nothing_out(self, tmp_path):
        """One file above the bound is read every time, and what was remembered before stays."""
        known, reads = Memory(limit=100), []
        for name, size in (("small", 40), ("large", 101)):
            (tmp_path / name).write_text("x" * size)
        aged(tmp_path)
        for name in ("small", "large", "large", "small"):
            known.of(PosixStore(tmp_path), (name,), lambda name=name: reads.append(name))
        assert reads == ["small", "large", "large"]

    def test_threads_share_it(self, tmp_path, often_switched):
        """Eight threads ask for more files than fit, in different orders: each gets the content it asked for."""
        known, store, names = Memory(limit=100), PosixStore(tmp_path), [str(n) for n in range(7)]
        for name in names:
            (tmp_path / name).write_text(name * 30)
        aged(tmp_path)

        def ask(start):
            asked = [names[(start + n * step) % len(names)] for step in (1, 3) for n in range(300)]
            return all(known.of(store, (name,), (tmp_path / name).read_text) == name * 30 for name in asked)

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(ask, range(8)))

    def test_a_failure_is_not_remembered(self, tmp_path):
        """What could not be read is tried again by the next who asks."""

        def fail():
            raise CorruptArtefact("damaged")

        (tmp_path / "file").write_text("x")
        aged(tmp_path)
        known, store = Memory(), PosixStore(tmp_path)
        with pytest.raises(CorruptArtefact):
            known.of(store, ("file",), fail)
        assert known.of(store, ("file",), lambda: "mended") == "mended"

    def test_stores_do_not_share_what_has_the_same_name(self, tmp_path):
        """One memory serves all stores of the server: each is answered from its own objects, which are read once."""
        known, stores, reads = Memory(), [PosixStore(tmp_path / name) for name in "ab"], []
        for store in stores:
            store.replace("file", store.root.name.encode())
        aged(tmp_path)
        for _ in range(2):
            answers = [known.of(s, ("file",), lambda s=s: reads.append(s) or s.read("file")) for s in stores]
            assert answers == [b"a", b"b"]
        assert len(reads) == 2


class TestRemembered:
    def test_the_pages_see_every_change_at_once(self, copied):
        """A new judgement and entry, a release by a person, a removed judgement: as if nothing were remembered."""
        aged(copied.store.root)

        def check():
            log = log_of(copied.store)
            assert log == copied.releases.log()
            assert [rows[0] for rows in by_date(rows_of(copied.store, log)).values()] == series(copied.store)

        check()
        run(copied, date(2026, 1, 16))
        check()
        roll_back(copied, 1, SIGNED)
        check()
        assert log_of(copied.store).require_live().release == 1
        copied.store.remove(copied.judgements.of(date(2026, 1, 14))[0].place)
        check()
        assert len(rows_of(copied.store, log_of(copied.store))) == 3

    def test_only_the_newest_entry_is_read_again(self, copied):
        """The entries before it come from memory, it never does."""
        aged(copied.store.root)
        log_of(copied.store)
        counting = CountingStore(copied.store.root)
        assert log_of(counting) == copied.releases.log()
        assert counting.reads == [entry_name(3)]

    def test_a_damaged_entry_or_judgement_is_refused(self, copied):
        """Damage of what was remembered before is seen, in an entry that is not the newest too."""
        aged(copied.store.root)
        log = log_of(copied.store)
        rows_of(copied.store, log)
        damage(judged_file(copied, LAST, VERDICT))
        with pytest.raises(CorruptArtefact):
            rows_of(copied.store, log)
        damage(log_file(copied.store, 1))
        with pytest.raises(CorruptArtefact):
            log_of(copied.store)

    def test_a_remembered_store_answers_as_a_store(self, copied):
        """Partitions, runs and a whole lineage are the same, also after a step of a run was done again."""
        aged(copied.store.root)
        runs, partitions = RememberedRuns(copied.store), RememberedPartitions(copied.store)
        for _ in range(2):
            found = lineage(copied.store, "2", log_of(copied.store), runs, partitions)
            assert found == lineage(copied.store, "2")
        copied.runs.save("another", "gate", {"began": "2026-01-01"})
        record = copied.runs.of_step("publish")[0]
        copied.runs.save(record["run_id"], "publish", record | {"seconds": 77.0})
        for step in ("extract_streams", "gate", "publish", "none"):
            assert runs.of_step(step) == copied.runs.of_step(step)

    def test_a_partition_that_was_damaged_since_is_refused(self, copied):
        """Its manifest was remembered: the damage is seen all the same."""
        aged(copied.store.root)
        partitions = RememberedPartitions(copied.store)
        assert partitions.digest(LAST) == copied.partitions.digest(LAST)
        damage(copied.store.root / partition_name(LAST) / MANIFEST)
        with pytest.raises(CorruptArtefact):
            partitions.digest(LAST)
