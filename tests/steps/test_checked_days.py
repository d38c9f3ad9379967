"""What stops a day before it is trained on, through a real Postgres and a whole run."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from checked_days import DAY, NAMES, check, clear, tenfold, thirty_days
from conftest import execute
from settings import SIGNED, TOML, config, run

from recsys_tasks.cli.main import main
from recsys_tasks.core.errors import DataRefused, NotStored
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.steps import Workplace, check_data, data_checks, extract_streams

DAMAGES = {
    "loaded ten times": (
        tenfold,
        r"^2026-01-15 is quarantined.*: volume: 10,000 streams, 10\.00 times the median of 7 days before",
    ),
    "a tenth loaded": (
        lambda dsn, day: execute(dsn, f"DELETE FROM streams WHERE streamed_at::date = '{day}' AND event_id % 10 > 0"),
        r"volume: 100 streams, 0\.10 times .*; listeners: 10 listeners, 0\.10 times",
    ),
    "a bot": (
        lambda dsn, day: execute(
            dsn,
            f"INSERT INTO streams SELECT -i, 5000, 1, '{day} 12:00+00'::timestamptz, 200000, false "
            "FROM generate_series(1, 100001) i",
        ),
        "most plays by one user: 100,001, asked: at most 3,000, at the utmost 100,000",
    ),
    "nearly all private": (
        lambda dsn, day: execute(
            dsn,
            f"UPDATE streams SET private_session = true WHERE streamed_at::date = '{day}' AND event_id % 20 > 0",
        ),
        r"dropped as private: 950 of 1,000 rows \(95\.00%\)",
    ),
    "delivered three times": (
        lambda dsn, day: [
            execute(dsn, f"INSERT INTO streams SELECT DISTINCT * FROM streams WHERE streamed_at::date = '{day}'")
            for _ in range(2)
        ],
        r"duplicates: 2,000 of 3,000 rows \(66\.67%\)",
    ),
}


@pytest.fixture
def service(source_dsn, tmp_path):
    """Thirty ordinary days."""
    return thirty_days(source_dsn, tmp_path)


class TestDays:
    def test_the_small_world_passes_without_a_warning(self, finished):
        """No ordinary day of the small world, weekends included, is beyond a warn bound."""
        days = finished.partitions.days()
        found = [(check.name, check.outcome) for day in days for check in data_checks(finished, day)]
        assert found == [(name, "ok") for name in NAMES] * 11

    def test_the_figures_are_those_of_the_counts(self, finished):
        """Listeners, tracks and most plays of a partition, counted here in another way."""
        for day in finished.partitions.days():
            stored = finished.partitions.newest(day)
            counts, figures = finished.partitions.load(day, stored.digest), stored.figures
            users, tracks = counts.user_ids.to_pylist(), counts.track_ids.to_pylist()
            plays = {user: 0 for user in users}
            for user, n in zip(users, counts.plays.tolist(), strict=True):
                plays[user] += n
            expected = (len(plays), len(set(tracks)), max(plays.values()))
            assert (figures.listeners, figures.tracks, figures.most_plays_by_one_user) == expected

    @pytest.mark.parametrize(("damage", "said"), DAMAGES.values(), ids=DAMAGES.keys())
    def test_a_damaged_day_is_stopped(self, service, damage, said):
        """Found, date and bound are named, and so is what can be done."""
        damage(service.dsn, DAY)
        with pytest.raises(DataRefused, match=said) as error:
            check(service, DAY)
        assert str(error.value).endswith(
            "Later days go on without it. Mend the source and clear the run from extract_streams on, not only the "
            "failed task; or change the bounds in [quality]; or accept the streams with a reason (param accept_data, "
            "option --accept-data)."
        )
        assert "\n" not in str(error.value)

    def test_a_day_delivered_twice_is_a_warning(self, service):
        """Duplicates are counted once: the day is trained on, and the warning says how many there were."""
        execute(service.dsn, f"INSERT INTO streams SELECT * FROM streams WHERE streamed_at::date = '{DAY}'")
        assert check(service, DAY).warnings == (
            "2026-01-15: duplicates: 1,000 of 2,000 rows (50.00%), asked: at most 1%, at the utmost 60%",
        )

    def test_an_ordinary_day_is_told_in_a_line(self, service):
        """The log says how many checks ran and passed, all of them are kept, and the reference is short."""
        told = []
        outcome = check(replace(service, progress=told.append), DAY)
        assert told[-1] == f"the streams of 2026-01-15 pass {len(NAMES)} of {len(NAMES)} checks"
        kept = service.checked.found(DAY, service.partitions.digest(DAY))
        assert [each.name for each in kept] == NAMES
        assert outcome.to_json() == {
            "day": "2026-01-15",
            "dates": ["2026-01-12", "2026-01-13", "2026-01-14", "2026-01-15"],
            "warnings": [],
            "accepted": [],
            "quarantined": [],
            "stale": [],
        }

    def test_an_allowed_empty_day_passes_and_spoils_no_other(self, service):
        """The empty day is not stopped for its volume, and the day after it is compared with the days that had any."""
        clear(service.dsn, DAY)
        extract_streams(service, DAY, allow_empty=True)
        assert check_data(service, DAY, SIGNED).warnings == ()
        assert check(service, DAY + timedelta(days=1)).warnings == ()
        assert "median of 6 days before" in data_checks(service, DAY + timedelta(days=1))[0].found

    def test_a_day_that_was_not_extracted_is_named(self, service):
        """Checks without a partition are no checks."""
        with pytest.raises(NotStored, match="2026-01-12"):
            check_data(service, DAY, SIGNED)


class TestWholeDay:
    def test_nothing_is_folded_of_a_refused_day(self, copied, source_dsn, tmp_path, capsys):
        """The run ends before the matrix; on the command line, a person's reason lets the same day through."""
        day = date(2026, 1, 16)
        write_world(source_dsn, build_world(PRESETS["small"]))
        execute(
            source_dsn,
            "INSERT INTO streams SELECT -event_id * 100 - k, user_id, track_id, streamed_at, ms_played, false "
            f"FROM streams, generate_series(1, 9) k WHERE streamed_at::date = '{day}'",
        )
        at = Workplace(copied.store, config(), source_dsn)
        with pytest.raises(DataRefused, match=r"2026-01-16 is quarantined, .*: volume"):
            run(at, day)
        assert list(at.store.root.glob(f"matrices/{day}-*")) == []
        (tmp_path / "config.toml").write_text(TOML)
        settings = {"RECSYS_CONFIG": tmp_path / "config.toml", "RECSYS_ROOT": at.store.root, "USER": "olga"}
        environment = {name: str(value) for name, value in settings.items()} | {"RECSYS_SOURCE_DSN": source_dsn}
        assert main(["run", "--date", f"{day}"], environment) == 1
        assert "DataRefused: " in capsys.readouterr().err
        assert main(["run", "--date", f"{day}", "--accept-data", "a festival"], environment) in (0, 3)
        assert len(list(at.store.root.glob(f"matrices/{day}-*"))) == 1
        assert check_data(at, day, SIGNED).accepted[0].by == "olga"

    def test_a_reason_speaks_for_one_run(self, copied, tmp_path, capsys):
        """A range of days is not accepted unseen."""
        (tmp_path / "config.toml").write_text(TOML)
        environment = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml")}
        words = ["run", "--date", "2026-01-13", "--to", "2026-01-16", "--accept-data", "a festival"]
        assert main(words, environment) == 2
        assert "--accept-data speaks for one run" in capsys.readouterr().err
