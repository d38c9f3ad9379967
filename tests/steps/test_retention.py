"""Retention: what nobody can need any more goes, and is named with its size; what somebody may need stays."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from backfilling import DAYS, at_work
from full_disks import full_disk
from settings import artefacts_of, config, damage
from strategies import play_counts

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import CorruptArtefact, StorageError
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.partitions.repository import StoredPartition, partition_name
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.release.log import PUBLISH, Entry
from recsys_tasks.repositories.matrices import matrix_name
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, increment_matrix, retain
from recsys_tasks.steps.extract import qualification_rule
from recsys_tasks.steps.released_models import reference_of
from recsys_tasks.storage.artefacts import save_artefact
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stored_forms import counts_digest
from recsys_tasks.storage.temporary import TEMPORARY

D15 = date(2026, 1, 15)
FEW = {"retention": {"keep_days": 2, "keep_releases": 1}, "source": {"late_window_days": 1}}
WHO = ("olga", "bad covers", "2026-01-16T00:00:00+00:00")
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=3)
KEY = {"matrix": "m", "model": "m", "index": {}}
"""The key of a candidate, but for its day."""
ONE_ROW = PartitionFigures(1, 1, {})


def with_few(copied, **changes):
    """The copied store under a policy that keeps little, and no reference release."""
    return Workplace(copied.store, config(**FEW | {"drift": {"reference_release": 0}} | changes), copied.dsn)


def kept_days(at, kind="matrices"):
    """Dates of the stored artefacts of a kind."""
    return [int(path.name[8:10]) for path in sorted(at.store.root.glob(f"{kind}/*"))]


def releases_there(at):
    """Numbers of the releases whose bundle is there."""
    return [e.number for e in at.releases.log().releases if (at.store.root / bundle_name(e.candidate)).is_dir()]


class TestArtefacts:
    def test_old_work_goes_and_what_is_needed_stays(self, finished, copied):
        """After two days of rest all but the newest dates and releases go; the live release still answers."""
        few = with_few(copied)
        assert retain(few, NOW).removed == 0, "somebody may be working on what was just written"
        assert retain(few, LATER).removed == 5
        kinds = ("matrices", "models", "splits", "catalogues")
        assert [kept_days(few, kind) for kind in kinds] == [[14, 15]] * 4
        assert len(Reader(copied.store).recommend(5).tracks) == 10
        assert list((copied.store.root / TEMPORARY).iterdir()) == []
        assert len(finished.partitions.days()) == len(copied.partitions.days())

    def test_a_full_disk_is_when_it_is_needed(self, copied, tmp_path):
        """Not even an empty folder can be made any more: what is old goes all the same, and there is room again."""
        with full_disk(tmp_path / "disk", copied.store.root) as root:
            full = with_few(replace(copied, store=PosixStore(root)))
            with pytest.raises(StorageError, match="Make room"):
                full.store.create("anything", b"")
            assert retain(full, LATER).removed == 5
            assert list((root / TEMPORARY).iterdir()) == []
            assert full.store.create("anything", b"1")
            assert len(Reader(full.store).recommend(5).tracks) == 10

    def test_a_dry_run_lists_what_would_go_with_its_size_and_removes_nothing(self, copied):
        """The list is that of the real removal, to the byte, and the log tells each of them."""
        said, before = [], artefacts_of(copied.store.root)
        few = replace(with_few(copied), progress=said.append)
        would = retain(few, LATER, dry_run=True)
        sizes = [sum(len(before[name]) for name in before if name.startswith(i.name)) for i in would.items]
        assert [item.bytes for item in would.items] == sizes
        assert would.bytes == sum(sizes) > 0
        assert said == [f"would remove {i.name}: {i.bytes:,} bytes" for i in would.items]
        assert artefacts_of(copied.store.root) == before
        assert retain(few, LATER) == replace(would, dry_run=False)
        assert said[len(sizes) :] == [line.replace("would remove", "removed") for line in said[: len(sizes)]]
        assert sum(map(len, artefacts_of(copied.store.root).values())) == sum(map(len, before.values())) - sum(sizes)

    def test_the_parents_that_a_late_window_needs_stay(self, copied):
        """A late window of two days folds onto the matrix of the date before it, however few dates are to be kept."""
        assert retain(with_few(copied, source={"late_window_days": 2}), LATER).removed == 0

    def test_what_was_written_of_late_stays_however_old_its_date(self, copied):
        """By count and by age: both must be exceeded."""
        longer = with_few(copied, retention=FEW["retention"] | {"keep_written_days": 4})
        assert retain(longer, LATER).removed == 0
        assert retain(longer, LATER + timedelta(days=2)).removed == 5

    def test_the_reference_of_slow_drift_stays_with_its_model(self, copied):
        """The release that candidates are measured against outlives its age, and its model with it."""
        few = with_few(copied, drift={"reference_release": 1})
        retain(few, LATER)
        assert reference_of(few, copied.releases.log(), D15).release == 1
        assert kept_days(few) == [14, 15]

    def test_the_newest_releases_can_be_rolled_back_to(self, tmp_path):
        """By count, although only the newest two dates are kept."""
        at = at_work(tmp_path, retention={"keep_days": 2, "keep_releases": 3}, drift={"reference_release": 0})
        for day in DAYS:
            publish_empty(at, day)
        retain(at, LATER)
        assert releases_there(at) == [3, 4, 5]

    def test_what_is_live_and_pinned_stays_and_what_was_live_before(self, tmp_path):
        """After two rollbacks and a pin: the live release, the one that was live before, those of the newest dates."""
        at = at_work(tmp_path, retention={"keep_days": 2, "keep_releases": 1}, drift={"reference_release": 0})
        for day in DAYS:
            publish_empty(at, day)
        for number in (2, 1):
            at.releases.append(at.releases.log().roll_back(number, *WHO))
        at.releases.append(at.releases.log().pin(True, *WHO))
        retain(at, LATER)
        assert releases_there(at) == [1, 2, 4, 5]

    def test_what_was_removed_folds_again_to_the_same_bytes(self, finished, copied):
        """A removed matrix loses nothing: it is folded again from the partitions."""
        shutil.rmtree(copied.store.root / "matrices")
        increment_matrix(copied, D15)
        one, other = artefacts_of(finished.store.root), artefacts_of(copied.store.root)
        assert [n for n in other if n.startswith("matrices") and other[n] != one[n]] == []

    def test_records_of_old_runs_go(self, copied):
        """Clocks, memory and library versions of a run are kept as long as the policy says, and not longer."""
        few = with_few(copied, retention=FEW["retention"] | {"keep_runs_days": 30})
        runs = len(list(copied.store.root.glob("runs/*")))
        retain(few, NOW + timedelta(days=29))
        assert len(list(copied.store.root.glob("runs/*"))) == runs > 0
        items = retain(few, NOW + timedelta(days=31)).items
        assert len([item for item in items if item.name.startswith("runs/")]) == runs


def publish_empty(at, day):
    """A release of a date whose bundle holds nothing."""
    number = len(at.releases.log().entries) + 1
    candidate = str(number) * 64
    gated = (at.store.root / bundle_name(candidate)) / "gated"
    save_artefact(at.store.root, gated, candidate, KEY | {"day": day.isoformat()}, {})
    at.releases.append(Entry(number, PUBLISH, number, candidate, {}, day, False, *WHO))


def store_day(at, day: Day, plays):
    """A partition of these plays, and the matrix up to it."""
    at.partitions.keep_replaced(day)
    counts, rule = play_counts(plays), qualification_rule(at.config.source)
    at.partitions.save(StoredPartition(day, counts_digest(counts), rule, None, ONE_ROW), counts)
    return at.partitions.digest(day), increment_matrix(at, day).matrix


def versions(at, day):
    """Names of the stored counts of a date."""
    return sorted(path.name for path in (at.store.root / partition_name(day)).glob("plays-*"))


class TestPartitions:
    def test_a_replaced_version_goes_once_no_matrix_was_folded_from_it(self, tmp_path):
        """It stays as long as its matrix does; its figures stay for good, and so does the newest version."""
        at = at_work(tmp_path)
        first, _ = store_day(at, DAYS[0], {(1, 1): 1})
        second, _ = store_day(at, DAYS[0], {(1, 1): 2})
        assert retain(at, LATER).removed == 0
        shutil.rmtree(tmp_path / "matrices")
        assert retain(at, NOW).removed == 0, "another run may be folding the version that was just replaced"
        (gone,) = retain(at, LATER).items
        assert gone.name == f"partitions/2024-02-27/plays-{first[:16]}.parquet"
        assert versions(at, DAYS[0]) == [f"plays-{second[:16]}.parquet"]
        assert at.partitions.version(DAYS[0], first).figures == ONE_ROW
        assert len(at.partitions.load(DAYS[0], second)) == 1

    def test_a_version_whose_matrix_goes_at_the_same_time_goes_with_it(self, tmp_path):
        """A matrix that is about to be removed holds nothing back."""
        at = at_work(tmp_path, retention={"keep_days": 2})
        store_day(at, DAYS[0], {(1, 1): 1})
        store_day(at, DAYS[0], {(1, 1): 2})
        for day in DAYS[1:3]:
            store_day(at, day, {(1, 1): 1})
        names = [item.name.split("/")[0] for item in retain(at, LATER).items]
        assert names == ["matrices", "matrices", "splits", "splits", "partitions"]

    @pytest.mark.parametrize(("years", "removed"), [(0, 0), (1, 2), (5, 0)])
    def test_dates_before_the_history_are_kept_for_years(self, tmp_path, years, removed):
        """Once history_start has moved on, and no matrix holds them, they go so many years after their date."""
        for day in DAYS[:3]:
            store_day(at_work(tmp_path), day, {(1, 1): 1})
        at = at_work(tmp_path, retention={"keep_partition_years": years})
        moved = at.config.source.model_copy(update={"history_start": DAYS[2]})
        at = replace(at, config=at.config.model_copy(update={"source": moved}))
        then = datetime(2026, 6, 1, tzinfo=UTC)
        for path in tmp_path.rglob("*"):
            os.utime(path, (0, 0))
        assert retain(at, then).removed == 0, "a stored matrix was folded from them"
        shutil.rmtree(tmp_path / "matrices")
        increment_matrix(at, DAYS[2])
        assert retain(at, then).removed == removed
        assert at.partitions.days() == DAYS[:3][removed:]

    def test_while_a_matrix_cannot_be_read_no_partition_goes(self, tmp_path):
        """Nobody knows what it was folded from; the log says so, and the rest is tidied up all the same."""
        said = []
        at = replace(at_work(tmp_path), progress=said.append)
        _, matrix = store_day(at, DAYS[0], {(1, 1): 1})
        store_day(at, DAYS[0], {(1, 1): 2})
        damage((at.store.root / matrix_name(DAYS[0], matrix)) / "manifest.json")
        assert retain(at, LATER).removed == 0
        assert "no partition is removed" in said[-1]

    def test_a_damaged_log_stops_the_removal(self, copied):
        """Nobody can say what is live, so nothing goes."""
        damage(copied.store.root / "releases" / "log" / "3.json")
        before = artefacts_of(copied.store.root)
        with pytest.raises(CorruptArtefact, match=r"3\.json"):
            retain(with_few(copied), LATER)
        assert artefacts_of(copied.store.root) == before
