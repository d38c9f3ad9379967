"""The shape of a day through a real Postgres: what stops, what passes, what is kept and computed again."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from checked_days import check
from conftest import execute
from settings import SIGNED, artefacts_of, config

from recsys_tasks.core.errors import DataRefused
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.partitions.shape_checks import NAMES
from recsys_tasks.steps import Workplace, check_data, data_checks, extract_streams, increment_matrix
from recsys_tasks.steps.shapes import history_days
from recsys_tasks.storage.posix import PosixStore

DAY = date(2026, 1, 16)
MIXED = "md5({0}::text)"
TRACK_PLACES = "(SELECT track_id, row_number() OVER (ORDER BY {0}) AS place FROM tracks)"
DAMAGES = {
    "permuted": (
        "SELECT event_id, user_id, b.track_id, streamed_at, ms_played, private_session FROM saved "
        f"JOIN {TRACK_PLACES.format('track_id')} a USING (track_id) "
        f"JOIN {TRACK_PLACES.format(MIXED.format('track_id'))} b USING (place)",
        {"popularity of tracks", "repeated pairs"},
    ),
    "half re-issued": (
        f"SELECT event_id, user_id, track_id + CASE WHEN {MIXED.format('track_id')} < '8' THEN 1000000 ELSE 0 END, "
        "streamed_at, ms_played, private_session FROM saved",
        {"new tracks"},
    ),
    "shuffled": (
        "SELECT event_id, user_id, b.track_id, streamed_at, ms_played, private_session "
        "FROM (SELECT *, row_number() OVER (ORDER BY event_id) AS place FROM saved) a JOIN (SELECT track_id, "
        f"row_number() OVER (ORDER BY {MIXED.format('event_id')}, streamed_at) AS place FROM saved) b USING (place)",
        {"repeated pairs"},
    ),
    "doubled": (
        "SELECT * FROM saved UNION ALL SELECT -event_id, user_id, track_id, streamed_at, ms_played, private_session "
        "FROM saved",
        {"plays per pair"},
    ),
    "replayed": (
        "SELECT event_id, user_id, track_id, streamed_at + interval '1 day', ms_played, private_session FROM streams "
        f"WHERE streamed_at::date = '{DAY - timedelta(days=1)}'",
        {"replayed events", "repeated pairs"},
    ),
    "replayed under new event ids": (
        "SELECT -event_id, user_id, track_id, streamed_at + interval '3 days', ms_played, private_session FROM streams "
        f"WHERE streamed_at::date = '{DAY - timedelta(days=3)}'",
        {"repeated pairs"},
    ),
}


class DiesAtTheManifest(PosixStore):
    """A store whose writer dies behind the write that makes a date's partition the newest one."""

    def replace(self, name: str, content: bytes, most: int | None = None) -> None:
        """As ``PosixStore``, and no further than that."""
        super().replace(name, content, most)
        if name == f"partitions/{DAY}/manifest.json":
            raise OSError("died")


@pytest.fixture(scope="module")
def own_dsn(postgres: Any) -> Iterator[str]:
    """A small world whose newest day these tests may spoil; the day as it was is kept in another table."""
    execute(postgres.get_uri(), "CREATE DATABASE shapes")
    dsn = postgres.get_uri(database="shapes")
    write_world(dsn, build_world(PRESETS["small"]))
    execute(dsn, f"CREATE TABLE saved AS SELECT * FROM streams WHERE streamed_at::date = '{DAY}'")
    yield dsn
    execute(postgres.get_uri(), "DROP DATABASE shapes WITH (FORCE)")


@pytest.fixture
def service(copied: Workplace, own_dsn: str) -> Workplace:
    """Eleven finished days, and a twelfth that nobody has looked at yet."""
    execute(own_dsn, "DELETE FROM streams WHERE event_id < 0")
    put(own_dsn, "SELECT * FROM saved")
    return Workplace(copied.store, copied.config, own_dsn)


def put(dsn: str, rows: str) -> None:
    """Let the newest day consist of these rows."""
    execute(
        dsn,
        "CREATE TABLE spoilt (LIKE streams)",
        f"INSERT INTO spoilt {rows}",
        f"DELETE FROM streams WHERE streamed_at::date = '{DAY}'",
        "INSERT INTO streams SELECT * FROM spoilt",
        "DROP TABLE spoilt",
    )


def outcomes(at: Workplace, day: date, outcome: str) -> set[str]:
    """Names of a day's checks that say this."""
    return {found.name for found in data_checks(at, day) if found.outcome == outcome}


class TestDays:
    def test_clean_days_pass_without_a_warning(self, service: Workplace) -> None:
        """Every day of the small world, its newest one included, is within every bound of its own history."""
        assert check(service, DAY).warnings == ()
        days = service.partitions.days()
        assert [outcomes(service, day, "warn") | outcomes(service, day, "stop") for day in days] == [set()] * 12
        found = {each.name: each.found for each in data_checks(service, DAY)}
        assert all("usually" in found[name] for name in NAMES), found

    @pytest.mark.parametrize(("rows", "names"), DAMAGES.values(), ids=DAMAGES.keys())
    def test_a_spoilt_day_is_stopped(self, service: Workplace, rows: str, names: set[str]) -> None:
        """The check that is there for the damage says stop before anything is folded; mended, the day passes."""
        put(service.dsn, rows)
        with pytest.raises(DataRefused, match=f"{DAY} is quarantined"):
            check(service, DAY)
        assert outcomes(service, DAY, "stop") >= names
        put(service.dsn, "SELECT * FROM saved")
        assert check(service, DAY).warnings == ()

    def test_a_first_run_has_no_history_and_leaves_one(self, own_dsn: str, tmp_path: Any) -> None:
        """A first run says that there is no history; what it folds on the way is the history of the next one."""
        put(own_dsn, "SELECT * FROM saved")
        at = Workplace(PosixStore(tmp_path), config(), own_dsn)
        before = DAY - timedelta(days=1)
        check(at, before)
        assert "first days: no history to compare with, 4 days are missing" in str(data_checks(at, before)[-2])
        increment_matrix(at, before)
        assert check(at, DAY).warnings == ()
        assert "usually" in str(data_checks(at, DAY)[-2])


class TestKept:
    def test_a_shape_is_computed_once(self, service: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second look at a day reads no play counts."""
        check(service, DAY)
        first = data_checks(service, DAY)
        monkeypatch.setattr(service.partitions, "load", None)
        assert data_checks(service, DAY) == first

    def test_a_day_that_does_not_pass_is_looked_at_again_when_one_before_it_changed(self, service: Workplace) -> None:
        """Yesterday was spoilt and is mended: today, which looked odd beside it, is compared with it as it is now."""
        yesterday = DAY - timedelta(days=1)
        check(service, DAY)
        today = service.partitions.newest(DAY)
        kept = service.shapes.find(today)
        odd = replace(kept, shape=replace(kept.shape, repeats=0.01))
        service.shapes.save(today, odd)
        assert outcomes(service, DAY, "stop") == {"repeated pairs"}
        execute(service.dsn, f"INSERT INTO streams VALUES (-1, 1, 1, '{yesterday} 12:00+00', 200000, false)")
        extract_streams(service, DAY)
        assert outcomes(service, DAY, "stop") == set()
        assert service.shapes.find(today).shape.repeats == pytest.approx(kept.shape.repeats, abs=0.02)

    def test_refused_and_empty_days_are_no_history(self, service: Workplace) -> None:
        """A day that was refused says nothing of what is usual, until a person accepts it."""
        put(service.dsn, DAMAGES["permuted"][0])
        with pytest.raises(DataRefused):
            check(service, DAY)
        assert DAY not in {each.day for each in history_days(service, DAY + timedelta(days=1))}
        check_data(service, DAY, SIGNED, "new ids from today on")
        assert DAY in {each.day for each in history_days(service, DAY + timedelta(days=1))}

    def test_days_without_traces_are_missing_and_stop_nothing(self, service: Workplace) -> None:
        """A store of before, or a damaged one: the check says how many days are missing."""
        for folder in service.store.root.glob("data_checks/*/[ts]*-*"):
            if folder.name.startswith(("traces", "shape")):
                shutil.rmtree(folder)
        assert check(service, DAY).warnings == ()
        assert "7 days are missing" in str(data_checks(service, DAY)[-1])

    def test_a_stored_date_has_its_traces(self, service: Workplace, tmp_path: Path) -> None:
        """An extraction that dies before its last write leaves no date that is taken for unchanged without traces."""
        at = replace(service, store=DiesAtTheManifest(tmp_path / "store"))
        with pytest.raises(OSError, match="died"):
            extract_streams(at, DAY)
        again = Workplace(PosixStore(tmp_path / "store"), at.config, at.dsn)
        extract_streams(again, DAY)
        kept = [
            again.shapes.traces(partition)
            for day in again.partitions.days()
            if (partition := again.partitions.newest(day))
        ]
        assert kept
        assert all(traces is not None and traces.hours and len(traces.events) for traces in kept)

    def test_nothing_else_is_written_for_it(self, service: Workplace) -> None:
        """Partitions, matrices and all that follows from them are what they were."""
        extract_streams(service, DAY)
        before = artefacts_of(service.store.root)
        check_data(service, DAY, SIGNED)
        assert artefacts_of(service.store.root) == before
