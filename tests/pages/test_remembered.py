"""What the pages remember of a store: every change is seen at once, and nothing else is read again."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from pages_store import LAST, aged, judged_file, log_file
from settings import SIGNED, damage, run

from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.pages.memory import Memory
from recsys_tasks.pages.remembered import RememberedJudgements, RememberedPartitions, RememberedRuns, log_of
from recsys_tasks.pages.viewed import Viewed
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


def told(log):
    """Every entry without its figures, of which the pages keep only some."""
    return [replace(entry, figures={}) for entry in log.entries]


def rows_of(store, log):
    """Every judgement as the pages read it."""
    judgements = RememberedJudgements(Viewed(store), log)
    return [row for day in judgements.days() for row in judgements.on(day)]


@pytest.fixture
def often_switched():
    """Threads take turns after a microsecond, so that one is often interrupted by another."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def seen(tmp_path):
    """A function that gives a request of its own to each question: a view of the folder, over a memory."""

    def view(known, store=None):
        return Viewed(store or PosixStore(tmp_path), known)

    return view


class TestMemory:
    def test_a_file_is_read_once_until_it_changes(self, tmp_path, seen):
        """Read, remembered, and read again after a replacement of the same size and time, and after its removal."""
        file, reads, known = tmp_path / "file", [], Memory()

        def ask():
            read = lambda: reads.append(1) or (file.read_text() if file.exists() else None)  # noqa: E731
            return seen(known).of(("file",), read)

        file.write_text("one")
        aged(tmp_path)
        assert [ask(), ask(), len(reads)] == ["one", "one", 1]
        (tmp_path / "new").write_text("two")
        (tmp_path / "new").rename(file)
        aged(tmp_path)
        assert [ask(), ask(), len(reads)] == ["two", "two", 2]
        file.unlink()
        assert ask() is None

    def test_what_has_just_been_written_is_read_again(self, tmp_path, seen):
        """Within a tick of the file system's clock a second change could go unseen."""
        (tmp_path / "file").write_text("one")
        known, answers = Memory(), iter((1, 2))
        assert [seen(known).of(("file",), lambda: next(answers)) for _ in range(2)] == [1, 2]

    def test_a_store_above_the_bound_is_remembered_as_far_as_it_fits(self, tmp_path, seen):
        """A page reads 40 files in turn, twice, and 20 fit: some of the second turn come from memory, never too many.

        Whoever forgets what was asked for longest ago would read all 40 again: that was the fall from 0.3 to 14 s.
        """
        names = [str(n) for n in range(40)]
        for name in names:
            (tmp_path / name).write_text("x")
        aged(tmp_path)
        known, reads = Memory(limit=20 * 1400), []
        for name in names + names:
            seen(known).of((name,), lambda name=name: reads.append(name) or "y" * 1000)
            assert known.size <= 20 * 1400
        assert reads[:40] == names
        assert len(reads) < 76

    def test_what_is_larger_than_the_bound_pushes_nothing_out(self, tmp_path, seen):
        """One content above the bound is read every time, and what was remembered before stays."""
        known, reads = Memory(limit=1000), []
        for name in ("small", "large"):
            (tmp_path / name).write_text("x")
        aged(tmp_path)
        for name, size in (("small", 40), ("large", 2000), ("large", 2000), ("small", 40)):
            seen(known).of((name,), lambda name=name, size=size: reads.append(name) or "x" * size)
        assert reads == ["small", "large", "large"]

    def test_threads_share_it(self, tmp_path, often_switched):
        """Eight threads ask for more files than fit, in different orders: each gets the content it asked for."""
        known, store, names = Memory(limit=1000), PosixStore(tmp_path), [str(n) for n in range(7)]
        for name in names:
            (tmp_path / name).write_text(name * 30)
        aged(tmp_path)

        def ask(start):
            asked = [names[(start + n * step) % len(names)] for step in (1, 3) for n in range(300)]
            return all(Viewed(store, known).of((n,), (tmp_path / n).read_text) == n * 30 for n in asked)

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(ask, range(8)))

    def test_a_failure_is_not_remembered(self, tmp_path, seen):
        """What could not be read is tried again by the next who asks."""

        def fail():
            raise CorruptArtefact("damaged")

        (tmp_path / "file").write_text("x")
        aged(tmp_path)
        known = Memory()
        with pytest.raises(CorruptArtefact):
            seen(known).of(("file",), fail)
        assert seen(known).of(("file",), lambda: "mended") == "mended"

    def test_stores_do_not_share_what_has_the_same_name(self, tmp_path, seen):
        """One memory serves all stores of the server: each is answered from its own objects, which are read once."""
        known, stores, reads = Memory(), [PosixStore(tmp_path / name) for name in "ab"], []
        for store in stores:
            store.replace("file", store.root.name.encode())
        aged(tmp_path)
        for _ in range(2):
            read = [lambda s=s: reads.append(s) or s.read("file") for s in stores]
            answers = [seen(known, s).of(("file",), r) for s, r in zip(stores, read, strict=True)]
            assert answers == [b"a", b"b"]
        assert len(reads) == 2


class TestViewed:
    def test_it_answers_as_the_store(self, tmp_path, seen):
        """Names, what is there, stamps of one and of all; and what was added since, in the next request."""
        store, known = PosixStore(tmp_path), Memory()
        store.replace("folder/a", b"1")
        aged(tmp_path)
        for _ in range(2):
            view = seen(known)
            assert view.stamps("folder") == store.stamps("folder") == {"a": store.stamp("folder/a")}
            assert (view.names("folder"), view.names("nowhere"), view.stamps("nowhere")) == (["a"], [], {})
            assert (view.holds("folder/a"), view.holds("folder/b"), view.holds("folder")) == (True, False, True)
            assert (view.stamp("folder/a"), view.stamp("folder/b")) == (store.stamp("folder/a"), None)
            assert view.read("folder/a") == b"1"
        store.replace("folder/b", b"2")
        assert (seen(known).names("folder"), seen(known).holds("folder/b")) == (["a", "b"], True)


class TestRemembered:
    def test_the_pages_see_every_change_at_once(self, copied):
        """A new judgement and entry, a release by a person, a removed judgement: as if nothing were remembered."""
        aged(copied.store.root)

        def check():
            log = log_of(copied.store)
            assert told(log) == told(copied.releases.log())
            assert log.require_live() == copied.releases.log().require_live()
            rows = rows_of(copied.store, log)
            assert [found[0] for found in by_date(rows).values()] == series(copied.store)

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
        """The entries before it come from memory, it never does; of a new one, only itself is read."""
        aged(copied.store.root)
        log_of(copied.store)
        counting = CountingStore(copied.store.root)
        assert told(log_of(counting)) == told(copied.releases.log())
        assert counting.reads == [entry_name(3)]
        roll_back(copied, 1, SIGNED)
        counting.reads.clear()
        log_of(counting)
        assert set(counting.reads) == {entry_name(4)}

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
        for _ in range(2):
            view = Viewed(copied.store)
            runs, partitions = RememberedRuns(view), RememberedPartitions(view)
            found = lineage(view.as_store, "2", log_of(copied.store), runs, partitions)
            assert found == lineage(copied.store, "2")
        copied.runs.save("another", "gate", {"began": "2026-01-01"})
        record = copied.runs.of_step("publish")[0]
        copied.runs.save(record["run_id"], "publish", record | {"seconds": 77.0})
        runs = RememberedRuns(Viewed(copied.store))
        for step in ("extract_streams", "gate", "publish", "none"):
            assert runs.of_step(step) == copied.runs.of_step(step)
            took = sorted(trace.seconds for traces in runs.traces(step) for trace in traces)
            assert took == sorted(float(kept.get("seconds", 0)) for kept in copied.runs.of_step(step))

    def test_a_partition_that_was_damaged_since_is_refused(self, copied):
        """Its manifest was remembered: the damage is seen all the same."""
        aged(copied.store.root)
        assert RememberedPartitions(Viewed(copied.store)).digest(LAST) == copied.partitions.digest(LAST)
        damage(copied.store.root / partition_name(LAST) / MANIFEST)
        with pytest.raises(CorruptArtefact):
            RememberedPartitions(Viewed(copied.store)).digest(LAST)
