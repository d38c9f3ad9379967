"""What stops a day before it is trained on: each check at its bounds, in its words, and through a real Postgres."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from conftest import execute
from settings import SIGNED, TOML, config, run
from source_tables import create_streams

from recsys_tasks.cli.main import main
from recsys_tasks.core.config import parse_config
from recsys_tasks.core.errors import ConfigError, DataRefused, NotStored
from recsys_tasks.core.policy import QualityConfig
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.partitions.data_quality import checks_on
from recsys_tasks.steps import Workplace, check_data, data_checks, extract_streams, increment_matrix
from recsys_tasks.storage.store import Store

POLICY = QualityConfig()
START, DAY = date(2026, 1, 1), date(2026, 1, 15)
ORDINARY = {
    "rows_read": 1200,
    "rows_kept": 1000,
    "dropped_duplicate": 4,
    "dropped_null_id": 0,
    "dropped_private": 60,
    "dropped_short": 136,
    "listeners": 1000,
    "tracks": 1000,
    "most_plays_by_one_user": 200,
}
WEEK = [ORDINARY] * 7
NAMES = [
    *("volume", "listeners", "tracks", "dropped as null id", "dropped as private", "dropped as short"),
    *("duplicates", "most plays by one user", "schema"),
]


def checked(earlier=WEEK, **figures):
    """The checks on an ordinary day with some of its figures changed, by name."""
    return {check.name: check for check in checks_on(ORDINARY | figures, earlier, POLICY)}


class TestBounds:
    def test_an_ordinary_day_passes_every_check(self):
        """All checks ran, under their names, and none is beyond a bound."""
        assert {name: check.outcome for name, check in checked().items()} == dict.fromkeys(NAMES, "ok")

    @pytest.mark.parametrize(
        ("name", "figure"), [("volume", "rows_kept"), ("listeners", "listeners"), ("tracks", "tracks")]
    )
    @pytest.mark.parametrize(
        ("value", "outcome"),
        [
            *((199, "stop"), (200, "warn"), (499, "warn"), (500, "ok")),
            *((2000, "ok"), (2001, "warn"), (5000, "warn"), (5001, "stop")),
        ],
    )
    def test_a_ratio_on_its_bound_is_within_it(self, name, figure, value, outcome):
        """Half and double the median are ordinary, a fifth and five times are still trained on, one more is not."""
        assert checked(**{figure: value})[name].outcome == outcome

    @pytest.mark.parametrize(
        ("name", "figure", "outcomes"),
        [
            ("dropped as private", "dropped_private", {500: "ok", 501: "warn", 900: "warn", 901: "stop"}),
            ("dropped as null id", "dropped_null_id", {500: "ok", 501: "warn", 900: "warn", 901: "stop"}),
            ("dropped as short", "dropped_short", {500: "ok", 501: "warn", 900: "warn", 901: "stop"}),
            ("duplicates", "dropped_duplicate", {10: "ok", 11: "warn", 600: "warn", 601: "stop"}),
        ],
    )
    def test_a_share_on_its_bound_is_within_it(self, name, figure, outcomes):
        """Of 1,000 rows: as many dropped for one reason as the bound says, and one more."""
        assert {n: checked(rows_read=1000, **{figure: n})[name].outcome for n in outcomes} == outcomes

    def test_the_most_plays_on_their_bound_are_within_it(self):
        """3,000 plays by one user are ordinary, 100,000 are still trained on, one more is not."""
        outcomes = {3_000: "ok", 3_001: "warn", 100_000: "warn", 100_001: "stop"}
        name = "most plays by one user"
        assert {n: checked(most_plays_by_one_user=n)[name].outcome for n in outcomes} == outcomes

    @pytest.mark.parametrize(
        ("name", "field", "bound"),
        [
            *((name, name, (0.99, 1.0)) for name in ("volume", "listeners", "tracks")),
            *((f"dropped as {reason}", "dropped", 0.0) for reason in ("private", "short")),
            ("duplicates", "duplicates", 0.0),
            ("most plays by one user", "plays_by_one_user", 199),
        ],
    )
    def test_each_check_has_bounds_of_its_own(self, name, field, bound):
        """Narrower warn bounds of one field, and then narrower stop bounds too, are seen by its own check alone."""
        figures = ORDINARY | {"rows_kept": 1010, "listeners": 1010, "tracks": 1010, "dropped_null_id": 0}
        for outcome, fields in (("warn", ("warn",)), ("stop", ("warn", "stop"))):
            policy = QualityConfig(**{f"{kind}_{field}": bound for kind in fields})
            found = {check.name: check.outcome for check in checks_on(figures, WEEK, policy)}
            assert found[name] == outcome
            assert {n for n, said in found.items() if said != "ok"} <= {name, "dropped as private", "dropped as short"}

    @pytest.mark.parametrize(
        ("figures", "name", "said"),
        [
            (
                {"rows_kept": 10_000},
                "volume",
                "volume: 10,000 streams, 10.00 times the median of 7 days before (1,000), asked: 0.5 to 2 times, at "
                "the utmost 0.2 to 5",
            ),
            (
                {"dropped_private": 1140},
                "dropped as private",
                "dropped as private: 1,140 of 1,200 rows (95.00%), asked: at most 50%, at the utmost 90%",
            ),
            (
                {"most_plays_by_one_user": 100_001},
                "most plays by one user",
                "most plays by one user: 100,001, asked: at most 3,000, at the utmost 100,000",
            ),
        ],
    )
    def test_a_check_says_what_was_found_and_what_was_asked(self, figures, name, said):
        """One line: the name, the figure, what it is compared with, both bounds."""
        assert str(checked(**figures)[name]) == said


class TestHistory:
    def test_two_earlier_days_are_no_history(self):
        """With fewer than three days nothing is compared, and the check says so; with three it is."""
        found = checked(WEEK[:2], rows_kept=10_000)["volume"]
        assert (found.outcome, found.found) == (
            "ok",
            "10,000 streams; 2 earlier days with streams are no history to compare with",
        )
        assert checked(WEEK[:3], rows_kept=10_000)["volume"].outcome == "stop"

    def test_empty_days_do_not_enter_the_median(self):
        """Four empty days among seven would make the median zero, and every day after them suspicious."""
        empty = ORDINARY | {"rows_read": 0, "rows_kept": 0, "listeners": 0, "tracks": 0}
        found = checked([empty] * 4 + WEEK[:3])
        assert {check.outcome for check in found.values()} == {"ok"}
        assert "median of 3 days before (1,000)" in found["listeners"].found

    def test_a_partition_of_before_it_was_counted_does_not_enter(self):
        """Days stored before listeners were counted still tell of the volume."""
        old = {name: ORDINARY[name] for name in ORDINARY if name not in ("listeners", "tracks")}
        found = checked([old] * 5 + WEEK[:2], rows_kept=10_000, listeners=10_000)
        assert (found["volume"].outcome, found["listeners"].outcome) == ("stop", "ok")
        assert "no history" in found["listeners"].found

    def test_a_day_of_before_it_was_counted_is_no_error(self):
        """An old candidate can still be judged: what was not counted of its day is said, and stops nothing."""
        old = {name: ORDINARY[name] for name in ORDINARY if name not in ("listeners", "most_plays_by_one_user")}
        found = {check.name: check for check in checks_on(old, WEEK, POLICY)}
        assert {found["listeners"].found, found["most plays by one user"].found} == {
            "not counted when the day was extracted"
        }

    def test_an_allowed_empty_day_stops_nothing(self):
        """Nothing of it is trained on: no volume is asked of it, and rows that were all dropped are a warning."""
        nothing = {"rows_kept": 0, "listeners": 0, "tracks": 0, "most_plays_by_one_user": 0}
        found = checked(**nothing, rows_read=1000, dropped_private=1000)
        assert {found[name].outcome for name in ("volume", "listeners", "tracks")} == {"ok"}
        assert found["dropped as private"].outcome == "warn"
        assert "allowed to be empty" in found["volume"].found


class TestPolicy:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"warn_volume": [2.0, 0.5]}, r"stop_volume \[0.2, 5\] must enclose warn_volume \[2, 0.5\]"),
            ({"warn_volume": [1.0, 1.0]}, r"must enclose warn_volume \[1, 1\]"),
            ({"stop_listeners": [0.6, 5.0]}, r"stop_listeners \[0.6, 5\] must enclose warn_listeners"),
            ({"stop_tracks": [0.2, 1.5]}, r"stop_tracks \[0.2, 1.5\] must enclose warn_tracks"),
            ({"stop_dropped": 0.4}, r"stop_dropped \(0.4\) must not be below warn_dropped \(0.5\)"),
            ({"stop_duplicates": 0.001}, "stop_duplicates"),
            ({"stop_plays_by_one_user": 2_999}, r"stop_plays_by_one_user \(2,999\) must not be below"),
        ],
    )
    def test_a_stop_within_the_warning_is_refused(self, fields, said):
        """A stop bound inside the warn bound, or a pair the wrong way round, is named with its values."""
        with pytest.raises(ConfigError, match=said):
            parse_config({"source": {"history_start": START}, "quality": fields})

    def test_a_stop_on_the_warning_is_allowed(self):
        """Who wants no warnings sets both bounds alike."""
        assert QualityConfig(stop_volume=(0.5, 2.0), stop_dropped=0.5).stop_dropped == 0.5


def fill(dsn, day, rows=1000, users=100):
    """So many qualified streams of a day, no two of one event."""
    first = day.toordinal() * 1_000_000
    execute(
        dsn,
        f"INSERT INTO streams SELECT {first} + i, i % {users}, i % 77, '{day} 12:00+00'::timestamptz, 200000, false "
        f"FROM generate_series(1, {rows}) i",
    )


def clear(dsn, day):
    """Remove the streams of a day."""
    execute(dsn, f"DELETE FROM streams WHERE streamed_at::date = '{day}'")


@pytest.fixture
def service(source_dsn, tmp_path):
    """A store, and a source with thirty days of 1,000 streams each."""
    create_streams(source_dsn)
    for offset in range(30):
        fill(source_dsn, START + timedelta(days=offset))
    told = []
    values = parse_config({"source": {"history_start": START, "late_window_days": 3}})
    return Workplace(Store(tmp_path), values, source_dsn, told.append)


def check(at, day, accept=""):
    """Extract a day and check it, as a run does."""
    extract_streams(at, day)
    return check_data(at, day, SIGNED, accept)


def kept(at):
    """What was kept of refusals and acceptances: name -> bytes."""
    folder = at.store.root / "data_checks"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


def tenfold(dsn, day):
    """Ten times the streams, each an event of its own."""
    clear(dsn, day)
    fill(dsn, day, rows=10_000)


DAMAGES = {
    "loaded ten times": (tenfold, r"2026-01-15: volume: 10,000 streams, 10\.00 times the median of 7 days before"),
    "a tenth loaded": (
        lambda dsn, day: execute(dsn, f"DELETE FROM streams WHERE streamed_at::date = '{day}' AND event_id % 10 > 0"),
        r"volume: 100 streams, 0\.10 times .*; 2026-01-15: listeners: 10 listeners, 0\.10 times",
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


class TestDays:
    def test_the_small_world_passes_without_a_warning(self, finished):
        """No ordinary day of the small world, weekends included, is beyond a warn bound."""
        days = finished.store.partition_days()
        found = [(check["name"], check["outcome"]) for day in days for check in data_checks(finished, day)]
        assert found == [(name, "ok") for name in NAMES] * 11

    def test_the_figures_are_those_of_the_counts(self, finished):
        """Listeners, tracks and most plays of a partition, counted here in another way."""
        for day in finished.store.partition_days():
            manifest = finished.store.partition_manifest(day)
            counts, figures = finished.store.load_partition(day, manifest["digest"]), manifest["figures"]
            users, tracks = counts.user_ids.to_pylist(), counts.track_ids.to_pylist()
            plays = {user: 0 for user in users}
            for user, n in zip(users, counts.plays.tolist(), strict=True):
                plays[user] += n
            expected = (len(plays), len(set(tracks)), max(plays.values()))
            assert (figures["listeners"], figures["tracks"], figures["most_plays_by_one_user"]) == expected

    @pytest.mark.parametrize(("damage", "said"), DAMAGES.values(), ids=DAMAGES.keys())
    def test_a_damaged_day_is_stopped(self, service, damage, said):
        """Found, date and bound are named, and so is what can be done."""
        damage(service.dsn, DAY)
        with pytest.raises(DataRefused, match=said) as error:
            check(service, DAY)
        assert str(error.value).endswith(
            "Mend the source and rerun, change the bounds in [quality], or accept them with a reason (param "
            "accept_data, option --accept-data)."
        )
        assert "\n" not in str(error.value)

    def test_a_day_delivered_twice_is_a_warning(self, service):
        """Duplicates are counted once: the day is trained on, and the warning says how many there were."""
        execute(service.dsn, f"INSERT INTO streams SELECT * FROM streams WHERE streamed_at::date = '{DAY}'")
        assert check(service, DAY)["warnings"] == [
            "2026-01-15: duplicates: 1,000 of 2,000 rows (50.00%), asked: at most 1%, at the utmost 60%"
        ]

    def test_every_check_of_the_day_is_told(self, service):
        """The log of an ordinary day has one line for each check that ran, and its reference is short."""
        told = []
        outcome = check(replace(service, progress=told.append), DAY)
        assert [line.split(": ")[2] for line in told if line.startswith("2026-01-15: ok: ")] == NAMES
        assert outcome == {
            "day": "2026-01-15",
            "dates": ["2026-01-12", "2026-01-13", "2026-01-14", "2026-01-15"],
            "warnings": [],
            "accepted": [],
        }

    def test_an_allowed_empty_day_passes_and_spoils_no_other(self, service):
        """The empty day is not stopped for its volume, and the day after it is compared with the days that had any."""
        clear(service.dsn, DAY)
        extract_streams(service, DAY, allow_empty=True)
        assert check_data(service, DAY, SIGNED)["warnings"] == []
        assert check(service, DAY + timedelta(days=1))["warnings"] == []
        assert "median of 6 days before" in data_checks(service, DAY + timedelta(days=1))[0]["found"]

    def test_a_day_that_was_not_extracted_is_named(self, service):
        """Checks without a partition are no checks."""
        with pytest.raises(NotStored, match="2026-01-12"):
            check_data(service, DAY, SIGNED)


class TestLaterDays:
    def test_a_refused_day_stops_every_later_run_until_it_is_mended(self, service):
        """The day stops its own run, those of its late window, and those after; mended and rerun, it stops none."""
        tenfold(service.dsn, DAY)
        for offset in (0, 1, 3, 4, 9):
            with pytest.raises(DataRefused, match="2026-01-15: volume: 10,000 streams"):
                check(service, DAY + timedelta(days=offset))
        clear(service.dsn, DAY)
        fill(service.dsn, DAY)
        check(service, DAY)
        assert check(service, DAY + timedelta(days=9))["warnings"] == []

    def test_a_refused_day_stops_no_earlier_run(self, service):
        """A backfill of a date before it folds nothing of it."""
        tenfold(service.dsn, DAY)
        with pytest.raises(DataRefused):
            check(service, DAY)
        assert check(service, DAY - timedelta(days=1))["warnings"] == []

    def test_no_date_before_the_history_is_asked_about(self, service):
        """On the first dates of all the late window reaches back to where there is nothing."""
        assert check(service, START)["dates"] == ["2026-01-01"]

    def test_a_day_is_not_compared_with_itself(self, service):
        """On the third day there are two earlier ones."""
        check(service, START + timedelta(days=2))
        assert "2 earlier days with streams" in data_checks(service, START + timedelta(days=2))[0]["found"]

    def test_no_date_before_the_history_is_compared_with(self, service):
        """The start was moved to a later date: what is stored of before may have been made under another rule."""
        check(service, DAY)
        moved = config(source={"history_start": DAY - timedelta(days=2)})
        (volume, *_) = data_checks(replace(service, config=moved), DAY)
        assert "2 earlier days with streams are no history" in volume["found"]

    def test_an_accepted_day_stops_no_later_run(self, service):
        """A person's word is kept with who, why and when; the day is a warning from then on, wherever it is seen."""
        tenfold(service.dsn, DAY)
        with pytest.raises(DataRefused):
            check(service, DAY)
        (word,) = check(service, DAY, " a festival ")["accepted"]
        assert (word["day"], word["by"], word["why"], word["at"]) == ("2026-01-15", "olga", "a festival", SIGNED.at)
        assert word["checks"] == ["volume"]
        for offset in (0, 1, 9):
            outcome = check(service, DAY + timedelta(days=offset))
            assert ([each["why"] for each in outcome["accepted"]], len(outcome["warnings"])) == (["a festival"], 1)

    def test_a_rerun_keeps_nothing_more(self, service):
        """Refused twice and accepted twice: one record of each, and the first person's word stays."""
        tenfold(service.dsn, DAY)
        for _ in range(2):
            with pytest.raises(DataRefused):
                check(service, DAY)
        check(service, DAY, "a festival")
        before = kept(service)
        assert [name.split("-")[2][3:] for name in sorted(before)] == ["accepted", "refused"]
        assert check(service, DAY, "another reason")["accepted"][0]["why"] == "a festival"
        assert kept(service) == before

    def test_a_blank_reason_accepts_nothing(self, service):
        """Nobody accepts by saying nothing."""
        tenfold(service.dsn, DAY)
        with pytest.raises(DataRefused):
            check(service, DAY, "  ")

    def test_a_restated_day_is_asked_about_again(self, service):
        """The word was given for other streams than those that are there now."""
        tenfold(service.dsn, DAY)
        check(service, DAY, "a festival")
        execute(service.dsn, f"INSERT INTO streams VALUES (-1, 1, 1, '{DAY} 12:00+00', 200000, false)")
        with pytest.raises(DataRefused, match="volume: 10,001 streams"):
            check(service, DAY + timedelta(days=1))

    def test_a_word_holds_for_the_checks_it_names(self, service):
        """The volume was accepted; private rows that arrive later change no count, and stop the day."""
        tenfold(service.dsn, DAY)
        check(service, DAY, "a festival")
        execute(
            service.dsn,
            f"INSERT INTO streams SELECT -i, 1, 1, '{DAY} 12:00+00'::timestamptz, 200000, true "
            "FROM generate_series(1, 200000) i",
        )
        with pytest.raises(DataRefused, match="Nothing is trained on these streams: 2026-01-15: dropped as private"):
            check(service, DAY + timedelta(days=1))

    def test_a_day_that_was_restated_beyond_a_bound_is_named(self, service):
        """A date of the late window passed yesterday, and is ten times as large today."""
        check(service, DAY)
        tenfold(service.dsn, DAY)
        with pytest.raises(DataRefused, match="2026-01-15: volume"):
            check(service, DAY + timedelta(days=3))

    def test_a_distant_day_does_not_stop_the_first_run(self, service):
        """A first run meets an odd day of its history, within the late window of which nothing is odd."""
        tenfold(service.dsn, DAY - timedelta(days=4))
        assert check(service, DAY)["warnings"] == []
        tenfold(service.dsn, DAY - timedelta(days=3))
        with pytest.raises(DataRefused, match="2026-01-12"):
            check(service, DAY)

    def test_a_day_of_an_outage_is_looked_at_when_the_pipeline_catches_up(self, service):
        """The pipeline stood still for a week: every day since the newest matrix is asked about."""
        before = DAY - timedelta(days=8)
        check(service, before)
        increment_matrix(service, before)
        tenfold(service.dsn, DAY - timedelta(days=6))
        with pytest.raises(DataRefused, match="2026-01-09: volume"):
            check(service, DAY)


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
        with pytest.raises(DataRefused, match="2026-01-16: volume"):
            run(at, day)
        assert list(at.store.root.glob(f"matrices/{day}-*")) == []
        (tmp_path / "config.toml").write_text(TOML)
        settings = {"RECSYS_CONFIG": tmp_path / "config.toml", "RECSYS_ROOT": at.store.root, "USER": "olga"}
        environment = {name: str(value) for name, value in settings.items()} | {"RECSYS_SOURCE_DSN": source_dsn}
        assert main(["run", "--date", f"{day}"], environment) == 1
        assert "DataRefused: " in capsys.readouterr().err
        assert main(["run", "--date", f"{day}", "--accept-data", "a festival"], environment) in (0, 3)
        assert len(list(at.store.root.glob(f"matrices/{day}-*"))) == 1
        assert check_data(at, day, SIGNED)["accepted"][0]["by"] == "olga"

    def test_a_reason_speaks_for_one_run(self, copied, tmp_path, capsys):
        """A range of days is not accepted unseen."""
        (tmp_path / "config.toml").write_text(TOML)
        environment = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml")}
        words = ["run", "--date", "2026-01-13", "--to", "2026-01-16", "--accept-data", "a festival"]
        assert main(words, environment) == 2
        assert "--accept-data speaks for one run" in capsys.readouterr().err
