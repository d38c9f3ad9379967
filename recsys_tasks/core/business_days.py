"""The business day: a date of a named time zone, which begins at an hour of that zone's clock and ends with the next.

A day is [start of its date, start of the next date), so that days tile the time line whatever the clocks do, and one
over which the clocks change has 23 or 25 hours. Where the hour comes twice, the day begins at the first of the two.
Where the clocks jump over it, the day begins as late after the jump as the hour lies after the jump's beginning (02:30
becomes 03:30, a midnight that does not exist 01:00). Both are PEP 495 with ``fold=0``, and what PostgreSQL and
java.time do. A date that a zone left out (Samoa, 30 December 2011) is a day without any time.
"""

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from difflib import get_close_matches

from recsys_tasks.core.errors import ConfigError

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""The first date begins with all time, and the last one ends with it."""
DAY, TICK = timedelta(days=1), timedelta.resolution
MIDNIGHT = time()


@dataclass(frozen=True)
class BusinessDays:
    """Which instants belong to which date. All instants that come in know their zone; those that go out are in UTC.

    Raises:
        ConfigError: the zone is not known, or this machine has no database of time zones.
    """

    zone: str = "UTC"  # a name of the IANA time zone database
    starts_at: time = MIDNIGHT

    def __post_init__(self) -> None:
        _zone(self.zone)

    def start(self, day: date) -> datetime:
        """The instant with which a date begins."""
        if day == date.min:
            return EARLIEST
        try:
            return datetime.combine(day, self.starts_at, _zone(self.zone)).astimezone(UTC)
        except OverflowError:
            return LATEST

    def end(self, day: date) -> datetime:
        """The instant with which the next date begins."""
        return LATEST if day == date.max else self.start(day + DAY)

    def of(self, instant: datetime) -> date:
        """The date in which an instant lies."""
        day = min(date.max - DAY, instant.astimezone(UTC).date()) + DAY
        while self.start(day) > instant:
            day -= DAY
        return day

    def last_finished(self, now: datetime) -> date:
        """The newest date that is over."""
        return self.of(self.start(self.of(now)) - TICK)

    def hour(self, instant: datetime) -> int:
        """The hour of the local clock, 0 to 23."""
        return self._local(instant).hour

    def clock(self, instant: datetime) -> str:
        """An instant as the local clock shows it, to the minute: 2026-11-22 04:00 CET (Europe/Berlin)."""
        local = self._local(instant)
        zone = "" if local.tzname() == self.zone else f" ({self.zone})"
        return f"{local:%Y-%m-%d %H:%M %Z}{zone}"

    @property
    def is_default(self) -> bool:
        """Whether days are those of UTC from midnight on, which stored keys do not name."""
        return self == UTC_DAYS

    @property
    def name(self) -> str:
        """The rule in words: UTC, Europe/Berlin, or Europe/Berlin from 04:00."""
        return self.zone if self.starts_at == MIDNIGHT else f"{self.zone} from {self.starts_at:%H:%M}"

    def _local(self, instant: datetime) -> datetime:
        try:
            return instant.astimezone(_zone(self.zone))
        except OverflowError:  # within hours of the ends of all time
            return instant.astimezone(UTC)


def _zone(name: str) -> tzinfo:
    """The zone of this name; UTC needs no database.

    Raises:
        ConfigError: the zone is not known, or this machine has no database of time zones.
    """
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(_unknown(name)) from None


def _unknown(name: str) -> str:
    known = {each.lower(): each for each in zoneinfo.available_timezones()}
    if not known:
        return f"No time zone {name!r}: this machine has no database of time zones. Run: pip install tzdata"
    near = get_close_matches(name.lower(), known, n=1)
    hint = f" Did you mean {known[near[0]]}?" if near else ""
    return f"There is no time zone {name!r}.{hint} Write a name of the IANA database, such as Europe/Berlin."


UTC_DAYS = BusinessDays()
"""What a day is where the configuration does not say."""
