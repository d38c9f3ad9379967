"""The stored versions of a date: the newest one, the counts of those before it, and what the source held of them."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_objects import flip
from strategies import play_counts

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import PlayCounts
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.partitions.extracted_day import REASONS
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.partitions.repository import Partitions, StoredPartition, partition_name, plays_file
from recsys_tasks.storage.manifest import MANIFEST
from recsys_tasks.storage.stored_forms import NO_PLAYS, counts_digest

DAY, LATER = date(2026, 1, 15), date(2026, 1, 16)
RULE = digest_of("a rule")
FIRST, SECOND = play_counts({(1, 10): 2, (2, 11): 1}), play_counts({(1, 10): 2, (2, 11): 1, (3, 12): 7})


def version(counts, day=DAY, rule=RULE, fingerprint="f1"):
    """What is stored beside play counts, of a source in which one more row was private."""
    plays, dropped = int(counts.plays.sum()), {reason: int(reason == "private") for reason in REASONS}
    figures = PartitionFigures(plays + 1, plays, dropped, len(counts), len(set(counts.user_ids.to_pylist())))
    return StoredPartition(day, counts_digest(counts), rule, fingerprint, figures)


ONE, TWO = version(FIRST), version(SECOND)


@pytest.fixture
def partitions(store):
    """The partitions of an empty store."""
    return Partitions(store)


def restate(partitions, counts=SECOND):
    """Store other counts in the place of those that are there, as the extraction does."""
    partitions.keep_replaced(DAY)
    partitions.save(version(counts), counts)


class TestNewest:
    def test_a_version_comes_back_whole(self, partitions):
        """Everything beside the counts, and the counts in their order and types."""
        partitions.save(ONE, FIRST)
        assert (partitions.newest(DAY), partitions.whole(DAY), partitions.digest(DAY)) == (ONE, ONE, ONE.digest)
        found = partitions.load(DAY, ONE.digest)
        assert found.user_ids.equals(FIRST.user_ids)
        assert found.track_ids.equals(FIRST.track_ids)
        assert (found.plays.tolist(), found.plays.dtype) == (FIRST.plays.tolist(), FIRST.plays.dtype)

    @pytest.mark.parametrize("ids", [pa.int64(), pa.string()])
    def test_zero_rows_of_a_date_with_plays_need_no_file(self, partitions, ids):
        """A quarantined date is folded from them: of the types of ids that its plays have."""
        counts = PlayCounts(pa.array([1, 2]).cast(ids), pa.array([8, 9]).cast(ids), np.ones(2, np.uint32))
        partitions.save(version(counts), counts)
        found = partitions.load(DAY, NO_PLAYS)
        assert (len(found), found.user_ids.type, found.track_ids.type) == (0, ids, ids)
        assert counts_digest(found) == NO_PLAYS
        assert partitions.count_files(DAY) == [plays_file(counts_digest(counts))]

    def test_there_is_none(self, partitions, store):
        """A date without a partition, or of which a dead writer left the counts alone, has no version."""
        store.replace(f"{partition_name(DAY)}/{plays_file(ONE.digest)}", b"half a file")
        assert (partitions.newest(DAY), partitions.whole(DAY), partitions.digest(DAY)) == (None, None, None)
        assert partitions.days() == []

    def test_a_source_without_fingerprints_has_none(self, partitions):
        """None comes back as None, and not as a text."""
        partitions.save(replace(ONE, fingerprint=None), FIRST)
        assert partitions.newest(DAY).fingerprint is None

    def test_an_empty_day_is_a_partition(self, partitions):
        """No pair at all is stored and loaded like any other day."""
        nothing = play_counts({})
        partitions.save(version(nothing), nothing)
        assert len(partitions.load(DAY, counts_digest(nothing))) == 0

    def test_the_days_rise(self, partitions):
        """Every date that has a version, whatever the order in which they were stored."""
        for day in (LATER, DAY):
            partitions.save(version(FIRST, day), FIRST)
        assert partitions.days() == [DAY, LATER]

    def test_storing_the_same_again_writes_nothing(self, partitions, store):
        """A rerun leaves the very objects; another rule or fingerprint is written, for a later run asks for it."""
        partitions.save(ONE, FIRST)
        before = store.stamp(f"{partition_name(DAY)}/{MANIFEST}")
        partitions.save(ONE, FIRST)
        assert store.stamp(f"{partition_name(DAY)}/{MANIFEST}") == before
        partitions.save(replace(ONE, fingerprint="f2"), FIRST)
        assert partitions.newest(DAY).fingerprint == "f2"


class TestReplaced:
    def test_the_counts_before_a_restatement_stay(self, partitions):
        """Matrices that were folded from the earlier version still find its counts, and the newest is another one."""
        partitions.save(ONE, FIRST)
        restate(partitions)
        assert partitions.digest(DAY) == TWO.digest
        assert [len(partitions.load(DAY, each.digest)) for each in (ONE, TWO)] == [2, 3]
        assert partitions.count_files(DAY) == sorted([plays_file(ONE.digest), plays_file(TWO.digest)])

    def test_what_the_source_held_of_it_stays(self, partitions):
        """A replaced version still says how many rows were read, kept and dropped; an unknown one says nothing."""
        partitions.save(ONE, FIRST)
        restate(partitions)
        assert (partitions.version(DAY, ONE.digest), partitions.version(DAY, TWO.digest)) == (ONE, TWO)
        assert partitions.version(DAY, digest_of("no version")) is None
        assert partitions.replaced_versions(DAY) == [ONE.digest]

    def test_a_version_that_comes_back_is_the_newest_again(self, partitions):
        """After a restatement that is taken back, the first version is the newest, and both are known as replaced."""
        partitions.save(ONE, FIRST)
        restate(partitions)
        restate(partitions, FIRST)
        assert partitions.newest(DAY) == ONE
        assert sorted(partitions.replaced_versions(DAY)) == sorted([ONE.digest, TWO.digest])

    def test_there_is_nothing_to_keep_of_a_new_date(self, partitions, store):
        """A date that was never stored leaves no trace of a version before."""
        partitions.keep_replaced(DAY)
        assert store.names(partition_name(DAY)) == []


class TestDamage:
    def test_damaged_counts_are_refused_and_stored_again(self, partitions, store):
        """A flipped byte is no version: it is not whole, is not loaded, and the next extraction mends it."""
        partitions.save(ONE, FIRST)
        flip(store, f"{partition_name(DAY)}/{plays_file(ONE.digest)}")
        assert (partitions.newest(DAY), partitions.whole(DAY)) == (ONE, None)
        with pytest.raises(CorruptArtefact, match="differs from its checksum"):
            partitions.load(DAY, ONE.digest)
        partitions.save(ONE, FIRST)
        assert partitions.whole(DAY) == ONE

    def test_counts_under_another_digest_are_refused(self, partitions, store):
        """A sound file of other counts is not what the chain of a matrix names."""
        partitions.save(ONE, FIRST)
        content = store.read(f"{partition_name(DAY)}/{plays_file(ONE.digest)}")
        store.replace(f"{partition_name(DAY)}/{plays_file(TWO.digest)}", content)
        with pytest.raises(CorruptArtefact):
            partitions.load(DAY, TWO.digest)

    def test_counts_that_are_gone_are_refused(self, partitions):
        """Retention may have removed an old version: that is said, with what to do."""
        with pytest.raises(CorruptArtefact, match="then rerun"):
            partitions.load(DAY, ONE.digest)

    def test_a_manifest_of_another_date_is_refused(self, partitions, store):
        """Copied to another date it would pass for that date's streams."""
        partitions.save(ONE, FIRST)
        store.replace(f"{partition_name(LATER)}/{MANIFEST}", store.read(f"{partition_name(DAY)}/{MANIFEST}"))
        with pytest.raises(CorruptArtefact):
            partitions.newest(LATER)


COUNTS = st.integers(0, 2**40)
FIGURES = st.builds(
    PartitionFigures,
    rows_read=COUNTS,
    rows_kept=COUNTS,
    dropped=st.dictionaries(st.sampled_from([*REASONS, "a_reason_of_tomorrow"]), COUNTS),
    **dict.fromkeys(("pairs", "listeners", "tracks", "most_plays_by_one_user"), st.none() | COUNTS),
)


class TestFigures:
    def test_the_stored_form_has_one_field_a_reason(self):
        """Flat names, as manifests and records of runs have had them from the beginning."""
        figures = PartitionFigures(12, 9, {"short": 1, "private": 2}, pairs=5)
        assert figures.to_json() == {
            "rows_read": 12,
            "rows_kept": 9,
            "dropped_private": 2,
            "dropped_short": 1,
            "pairs": 5,
        }

    @given(FIGURES)
    def test_what_was_stored_comes_back(self, figures):
        """Any figures and any reasons; what was not counted stays uncounted."""
        assert PartitionFigures.from_json(figures.to_json()) == figures
