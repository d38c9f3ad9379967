"""Stored files that were damaged, and days that are not over: refused by name, and mended by a rerun."""

import shutil
from datetime import UTC, date, datetime

import pytest
from settings import damage, run

from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.partitions.repository import partition_name
from recsys_tasks.steps import (
    increment_matrix,
    source_is_complete,
)

DAY = date(2026, 1, 13)


class TestDamage:
    @pytest.mark.parametrize("kind", ["partitions", "matrices", "models"])
    def test_a_damaged_input_stops_the_next_day(self, copied, kind):
        """A flipped byte in what the next day builds on is seen before it is used, and nothing is published."""
        for path in (copied.store.root / kind).glob("2026-01-15*/*"):
            if path.name != "manifest.json":
                damage(path)

        def use():
            """A partition is asked for itself: the next run would extract it again."""
            if kind == "partitions":
                return copied.partitions.load(date(2026, 1, 15), copied.partitions.digest(date(2026, 1, 15)))
            return run(copied, date(2026, 1, 16))

        with pytest.raises(CorruptArtefact, match="differs from"):
            use()
        assert copied.releases.log().require_live().release == 3

    def test_a_missing_partition_is_named(self, copied):
        """A matrix is never folded over a hole."""
        shutil.rmtree(copied.store.root / partition_name(date(2026, 1, 9)))
        with pytest.raises(NotStored, match="2026-01-09"):
            increment_matrix(copied, date(2026, 1, 15))


class TestWaiting:
    def test_a_day_is_complete_when_time_and_streams_say_so(self, finished):
        """Not within the grace period; after it, once a later stream is there; at the latest after the longest wait."""
        last = date(2026, 1, 16)
        clock = {h: datetime(2026, 1, 17, h, tzinfo=UTC) for h in (0, 2, 7)}
        assert not source_is_complete(finished, last, clock[0])
        assert not source_is_complete(finished, last, clock[2])
        assert source_is_complete(finished, last, clock[7])
        assert source_is_complete(finished, date(2026, 1, 15), datetime(2026, 1, 16, 2, tzinfo=UTC))
