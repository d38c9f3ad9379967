"""The business days of a zone tile the time line, whatever its clocks do and whenever a day begins."""

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_tasks.core.business_days import EARLIEST, LATEST, TICK, UTC_DAYS, BusinessDays
from recsys_tasks.core.domain import parse_day
from recsys_tasks.core.errors import ConfigError

DAY = timedelta(days=1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",  # its winter is the exception, not its summer
    "America/New_York",
    "America/St_Johns",  # half an hour off, and clocks that changed a minute after midnight
    "America/Santiago",  # a midnight that does not exist, as in the next five
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Tehran",
    "Asia/Kathmandu",  # three quarters of an hour off
    "Australia/Lord_Howe",  # clocks that change by half an hour
    "Antarctica/Troll",  # and by two hours
    "Africa/Casablanca",  # four changes in a year
    "Pacific/Kiritimati",
    "Pacific/Apia",  # a date that does not exist
    "America/Caracas",
)
HOURS = st.one_of(st.just(time()), st.sampled_from([time(2, 30), time(0, 1), time(23, 59)]), st.times())
RULES = st.builds(
    BusinessDays, st.sampled_from(ZONES), HOURS.map(lambda at: at.replace(second=0, microsecond=0, fold=0))
)
DATES = st.dates(date(1972, 1, 1), date(2037, 12, 31))
MOMENTS = st.datetimes(datetime(1972, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))


def changing(days: BusinessDays, year: int) -> list[date]:
    """The dates of a year that have not 24 hours."""
    dates = [date(year, 1, 1) + n * DAY for n in range(365)]
    return [day for day in dates if days.end(day) - days.start(day) != DAY]


def lengths(days: BusinessDays, year: int) -> dict[str, float]:
    """Date -> hours, of the dates of a year that have not 24."""
    return {str(day): (days.end(day) - days.start(day)) / timedelta(hours=1) for day in changing(days, year)}


class TestTiling:
    @given(RULES, MOMENTS)
    @settings(max_examples=500)
    def test_every_instant_lies_in_exactly_one_day(self, days: BusinessDays, instant: datetime) -> None:
        """It lies between start and end of its day, and of none of the five around it."""
        found = days.of(instant)
        around = [found + n * DAY for n in range(-2, 3)]
        assert [day for day in around if days.start(day) <= instant < days.end(day)] == [found]

    @given(RULES, DATES)
    @settings(max_examples=500)
    def test_a_day_ends_where_the_next_begins(self, days: BusinessDays, day: date) -> None:
        """No gap and no overlap; its first and last tick are its own, and it is as long as a day can be."""
        start, end = days.start(day), days.end(day)
        assert end == days.start(day + DAY)
        assert timedelta(hours=21) <= end - start <= timedelta(hours=27) or days.zone == "Pacific/Apia"
        if start < end:
            assert (days.of(start), days.of(end - TICK)) == (day, day)

    @given(RULES, st.integers(1972, 2036))
    @settings(max_examples=60)
    def test_the_days_of_a_change(self, days: BusinessDays, year: int) -> None:
        """On every date that has not 24 hours, each quarter of an hour and its neighbours lie in one day."""
        for day in changing(days, year):
            quarters = [days.start(day) + n * timedelta(minutes=15) for n in range(-4, 110)]
            ticks = sorted({each + step for each in quarters for step in (-TICK, timedelta(), TICK)})
            named = [days.of(each) for each in ticks]
            assert named == sorted(named)
            assert [each for each, name in zip(ticks, named, strict=True) if name == day] == [
                each for each in ticks if days.start(day) <= each < days.end(day)
            ]

    @given(RULES, MOMENTS)
    def test_the_last_finished_day_is_over_and_the_next_is_not(self, days: BusinessDays, now: datetime) -> None:
        """What ends with this very instant is over."""
        day = days.last_finished(now)
        assert days.end(day) <= now < days.end(days.of(now))
        assert days.of(days.end(day)) == days.of(now)

    @given(RULES)
    def test_the_ends_of_all_time(self, days: BusinessDays) -> None:
        """The first date begins with all time and the last ends with it; no instant is beyond the calendar."""
        assert (days.start(date.min), days.end(date.max)) == (EARLIEST, LATEST)
        assert days.of(EARLIEST) == date.min
        assert days.of(LATEST) >= date.max - DAY
        assert days.hour(EARLIEST) in range(24)
        assert days.hour(LATEST) in range(24)


class TestRule:
    def test_utc_days_are_what_they_always_were(self) -> None:
        """From midnight to midnight, without a name in any stored key."""
        day, noon = date(2026, 3, 29), datetime(2026, 3, 29, 12, tzinfo=UTC)
        assert BusinessDays("UTC", time()) == UTC_DAYS
        assert UTC_DAYS.is_default
        assert (UTC_DAYS.start(day), UTC_DAYS.end(day)) == (noon - DAY / 2, noon + DAY / 2)
        assert (UTC_DAYS.name, UTC_DAYS.clock(noon)) == ("UTC", "2026-03-29 12:00 UTC")

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "Etc/UTC"])
    def test_any_other_rule_has_a_name(self, zone: str) -> None:
        """A zone, an hour or both are named, so that two rules never look the same."""
        named = {BusinessDays(zone, at).name for at in (time(), time(4), time(0, 1))}
        assert named == {zone, f"{zone} from 04:00", f"{zone} from 00:01"}
        assert not BusinessDays(zone).is_default
        assert not BusinessDays("UTC", time(4)).is_default

    def test_an_hour_that_comes_twice_begins_the_day_at_its_first(self) -> None:
        """Half past two of summer time, so that the day of the change is the long one."""
        days = BusinessDays("Europe/Berlin", time(2, 30))
        assert days.clock(days.start(date(2026, 10, 25))) == "2026-10-25 02:30 CEST (Europe/Berlin)"
        assert lengths(days, 2026) == {"2026-03-29": 23, "2026-10-25": 25}

    def test_an_hour_that_is_left_out_is_read_with_the_clock_before(self) -> None:
        """Half past two, which does not exist, is half past three; a midnight that does not is one o'clock."""
        berlin, santiago = BusinessDays("Europe/Berlin", time(2, 30)), BusinessDays("America/Santiago")
        cairo = BusinessDays("Africa/Cairo")
        assert berlin.clock(berlin.start(date(2026, 3, 29))) == "2026-03-29 03:30 CEST (Europe/Berlin)"
        assert santiago.clock(santiago.start(date(2024, 9, 8))) == "2024-09-08 01:00 -03 (America/Santiago)"
        assert cairo.clock(cairo.start(date(2024, 4, 26))) == "2024-04-26 01:00 EEST (Africa/Cairo)"
        assert lengths(santiago, 2024) == {"2024-04-06": 25, "2024-09-08": 23}

    def test_the_change_of_the_clocks_belongs_to_the_day_in_which_it_lies(self) -> None:
        """A day that begins at four is not over when the clocks change in the night after its date."""
        assert lengths(BusinessDays("Europe/Berlin", time(4)), 2026) == {"2026-03-28": 23, "2026-10-24": 25}
        assert lengths(BusinessDays("Australia/Lord_Howe"), 2026) == {"2026-04-05": 24.5, "2026-10-04": 23.5}

    def test_a_date_that_a_zone_left_out_has_no_time(self) -> None:
        """Samoa went from 29 to 31 December 2011: the 30th is empty, and nothing lies in it."""
        samoa = BusinessDays("Pacific/Apia")
        gone = date(2011, 12, 30)
        assert samoa.start(gone) == samoa.end(gone)
        assert samoa.of(samoa.start(gone)) == gone + DAY
        assert samoa.last_finished(samoa.end(gone)) == gone - DAY

    def test_hours_are_those_of_the_local_clock(self) -> None:
        """Half hours of a zone count, and so does summer time."""
        noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
        zones = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York")
        assert [BusinessDays(zone).hour(noon) for zone in zones] == [12, 14, 17, 8]


class TestRefusals:
    @pytest.mark.parametrize("name", ["Mars", "", "../etc/passwd", "/etc/passwd", "Europe", "a\0b"])
    def test_a_zone_that_is_none(self, name: str) -> None:
        """Whatever is no name of a zone is refused in a sentence."""
        with pytest.raises(ConfigError, match="There is no time zone"):
            BusinessDays(name)

    def test_a_slip_is_seen(self) -> None:
        """The name that was probably meant is said."""
        with pytest.raises(ConfigError, match=r"Did you mean Europe/Berlin\?"):
            BusinessDays("europe/berlin")

    def test_a_machine_without_zones(self) -> None:
        """The message names the package that brings them; UTC needs none."""
        program = (
            "import sys; sys.modules['tzdata'] = None\n"
            "from recsys_tasks.core.business_days import BusinessDays\n"
            "print(BusinessDays().name)\n"
            "BusinessDays('Europe/Berlin')"
        )
        environment = {"PYTHONTZPATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        assert found.stdout == "UTC\n"
        assert found.stderr.splitlines()[-1].endswith("no database of time zones. Run: pip install tzdata")


def test_the_last_date_that_there_is_is_refused():
    """After it no day begins, so that it never ends: a typed date is told so, and no overflow ends a run."""
    assert parse_day("9999-12-30") == date(9999, 12, 30)
    with pytest.raises(ConfigError, match="9999-12-31"):
        parse_day("9999-12-31")
