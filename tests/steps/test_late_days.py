"""A late day that did not change moves no rows; one that did is seen, however little it shows in the numbers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from backfilling import DAYS, at_work
from conftest import execute
from settings import artefacts_of, damage
from source_tables import DAY, NOON, config, create_streams, extract, insert

from recsys_tasks.partitions.repository import partition_name
from recsys_tasks.source import postgres as source_module
from recsys_tasks.source.postgres import ReadSettings, Source
from recsys_tasks.steps import Workplace, extract_streams
from recsys_tasks.steps.extract import extract_day

LATE, TODAY = DAYS[1], DAYS[2]
UUIDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(10)]


def noon(day: date) -> datetime:
    """An instant of a date."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


class BeforeHashes(Workplace):
    """A workplace whose server is too old to hash rows."""

    def source(self) -> Source:
        """The source as such a server gives it."""
        return Source(self.dsn or "", self.config.source, settings=ReadSettings(hashes_since=10**9))


@pytest.fixture
def service(source_dsn: str) -> str:
    """Three dates of four streams, of which one is private and one without an event id."""
    create_streams(source_dsn)
    for n, day in enumerate(DAYS[:3]):
        at = noon(day)
        insert(source_dsn, [
            (10 * n + 1, 1, 70, at), (10 * n + 2, 2, 71, at), (None, 3, 72, at), (10 * n + 4, 4, 73, at, 99_000, True),
        ])  # fmt: skip
    return source_dsn


@pytest.fixture
def at(service: str, tmp_path: Any) -> Any:
    """A store in which the three dates were extracted."""
    at = at_work(tmp_path, service, late_window_days=3)
    extract_streams(at, TODAY)
    return at


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of rows that came over COPY, one for each time."""
    numbers: list[int] = []
    copy = source_module.copy_streams

    def counting(*asked: Any) -> Any:
        streams = copy(*asked)
        numbers.append(streams.num_rows)
        return streams

    monkeypatch.setattr(source_module, "copy_streams", counting)
    return numbers


def changed(at: Any, *statements: str) -> dict[str, Any]:
    """What the next run says after these statements."""
    execute(at.dsn, *statements)
    return extract_streams(at, TODAY)


def of_late(statement: str) -> str:
    """A statement about the rows of the late day."""
    return f"{statement} AND (streamed_at AT TIME ZONE 'UTC')::date = '{LATE}'"


class TestUnchanged:
    def test_nothing_moves_and_nothing_is_written(self, at: Any, moved: list[int]) -> None:
        """The source is asked, no row comes, and no file of the store is touched."""
        before = {path: path.stat().st_mtime_ns for path in at.store.root.rglob("*") if path.is_file()}
        found = extract_streams(at, TODAY)
        assert (found.unchanged, found.restated, moved) == (3, (), [])
        assert {path: path.stat().st_mtime_ns for path in before} == before

    def test_the_new_day_alone_moves(self, at: Any, moved: list[int]) -> None:
        """An ordinary day: the rows of its own date come, those of the late window stay where they are."""
        insert(at.dsn, [(100 + n, n, 70, noon(DAYS[3])) for n in range(5)])
        found = extract_streams(at, DAYS[3])
        assert (found.first_extracted, found.unchanged, moved) == (1, 3, [5])

    def test_a_rerun_says_of_the_day_what_the_first_run_said(self, at: Any) -> None:
        """Digest and figures are those of the stored partition."""
        extract_streams(at, TODAY)
        first, second = (at.partitions.whole(TODAY), extract_streams(at, TODAY))
        assert (second.partition, second.figures) == (first.digest, first.figures)

    def test_a_private_row_changes_hands(self, at: Any, moved: list[int]) -> None:
        """Who streamed what in private is not looked at; how many such rows there are is a figure of the day."""
        assert changed(at, of_late("UPDATE streams SET user_id = 9, track_id = 9 WHERE private_session")).unchanged
        assert moved == []
        changed(at, of_late("DELETE FROM streams WHERE private_session"))
        assert moved == [3]
        assert at.partitions.newest(LATE).figures.dropped["private"] == 0


class TestChanged:
    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE streams SET track_id = 99 WHERE user_id = 1",
            "UPDATE streams SET user_id = 99 WHERE user_id = 1",
            "UPDATE streams SET user_id = 3 - user_id WHERE user_id IN (1, 2)",
            "UPDATE streams SET user_id = 99 WHERE event_id IS NULL",
        ],
    )
    def test_other_rows_in_equal_numbers(self, at: Any, moved: list[int], change: str) -> None:
        """A row swapped for another, or two that exchange their listeners, restate the day, and this day alone."""
        assert changed(at, of_late(change)).restated == (LATE,)
        assert moved == [3]
        assert changed(at).restated == ()
        assert moved == [3]

    def test_another_rule(self, at: Any, moved: list[int]) -> None:
        """Unchanged rows are extracted again where another rule decides which of them count."""
        rule = {"history_start": DAYS[0], "late_window_days": 3, "min_ms_played": 1000}
        longer = at_work(at.store.root, at.dsn, source=rule)
        assert extract_streams(longer, TODAY).unchanged == 3
        assert moved == [3, 3, 3]


class TestNotToBeTrusted:
    def test_rotten_counts_are_mended(self, at: Any, moved: list[int]) -> None:
        """A damaged counts file of a late day is written again from the source, though that did not change."""
        sound = artefacts_of(at.store.root)
        (path,) = (at.store.root / partition_name(LATE)).glob("plays-*.parquet")
        damage(path)
        assert extract_streams(at, TODAY).unchanged == 3
        assert (moved, artefacts_of(at.store.root)) == ([3], sound)

    def test_a_partition_from_before_there_were_fingerprints(self, at: Any, moved: list[int]) -> None:
        """It is extracted once more, and known from then on."""
        sound, newest = artefacts_of(at.store.root), at.partitions.newest(LATE)
        counts = at.partitions.load(LATE, newest.digest)
        at.partitions.save(replace(newest, fingerprint=None), counts)
        for _run in range(2):
            assert extract_streams(at, TODAY).unchanged == 3
        assert (moved, artefacts_of(at.store.root)) == ([3], sound)

    def test_a_server_that_is_too_old(self, at: Any, moved: list[int]) -> None:
        """Without hashes every late day is extracted again, as a day without a fingerprint, with the same counts."""
        before_hashes = BeforeHashes(at.store, at.config, at.dsn)
        with before_hashes.source() as source:
            assert source.fingerprint(LATE) is None
        assert extract_streams(before_hashes, TODAY).unchanged == 3
        assert moved == [3, 3, 3]


class TestFingerprint:
    @pytest.mark.parametrize(
        ("kind", "ids"),
        [
            ("bigint", [7, 1 << 32 | 2, 2 << 32 | 1, -1, -(2**63), 2**63 - 1, 0, 1, -(1 << 32)]),
            ("text", ["7", "a", "A", "a ", "\u00e9", "e\u0301", "x" * 9_000, "ab", "b"]),
            ("uuid", UUIDS),
        ],
    )
    def test_every_value_has_its_own(self, source_dsn: str, kind: Any, ids: list[Any]) -> None:
        """Each id, in each column, gives another fingerprint; the extraction has the same."""
        create_streams(source_dsn, user=kind, track=kind, event=kind)
        own = {"user_id_type": kind, "track_id_type": kind}
        rows = [(*(ids[0],) * at, each, *(ids[0],) * (2 - at)) for at in range(3) for each in ids[1:]]
        seen = set()
        for row in [*rows, (ids[0],) * 3, (None, *ids[:2])]:
            execute(source_dsn, "TRUNCATE streams")
            insert(source_dsn, [row])
            with Source(source_dsn, config(**own)) as source:
                seen.add(source.fingerprint(DAY))
                assert extract_day(source, DAY).fingerprint in seen
        assert len(seen) == len(rows) + 2

    @pytest.mark.parametrize("event_id", [None, "event_id"])
    def test_instants_where_nothing_else_tells_streams_apart(self, source_dsn: str, event_id: Any) -> None:
        """Without an event id a microsecond makes another stream."""
        create_streams(source_dsn)
        insert(source_dsn, [(None, 7, 70), (None, 7, 70, NOON + timedelta(hours=1))])
        before = extract(source_dsn, event_id=event_id).fingerprint
        execute(source_dsn, f"UPDATE streams SET streamed_at = '{NOON + timedelta(microseconds=1)}' "
                f"WHERE streamed_at = '{NOON}'")  # fmt: skip
        assert extract(source_dsn, event_id=event_id).fingerprint != before

    def test_order_of_the_rows(self, source_dsn: str) -> None:
        """The same rows in another order are the same; one that stands twice is not."""
        create_streams(source_dsn)
        rows = [(n, n % 5, n % 7) for n in range(50)]
        insert(source_dsn, rows)
        before = extract(source_dsn).fingerprint
        execute(source_dsn, "TRUNCATE streams")
        insert(source_dsn, rows[::-1])
        assert extract(source_dsn).fingerprint == before
        insert(source_dsn, rows[:1])
        assert extract(source_dsn).fingerprint != before
