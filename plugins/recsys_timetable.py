"""Daily schedules: UTC days until a date, and the business days of a time zone.

A schedule that ends at a date does not end the right to run a day by hand or to backfill it: ``end_date`` of a DAG ends
more than its schedule, so that a manual run with a later logical date gets no task, and is green.
"""

from datetime import UTC, date, datetime, time
from typing import Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import DateTime, instance, parse


class DailyUntil(CronDataIntervalTimetable):
    """UTC days, midnight to midnight; ``last`` (YYYY-MM-DD) is the last one that is scheduled."""

    def __init__(self, last: str) -> None:
        super().__init__("0 0 * * *", "UTC")
        self._last = last

    def serialize(self) -> dict[str, Any]:
        """What the scheduler needs to make it again."""
        return {"last": self._last}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "DailyUntil":
        """The schedule from what ``serialize`` gave."""
        return cls(data["last"])

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next day of the schedule, none after the last; a backfill goes as far as the person who asked said."""
        if not restriction.catchup:  # the DAG never catches up: with it, Airflow asks for the days of a backfill
            end = parse(self._last, tz="UTC")
            assert isinstance(end, DateTime)  # noqa: S101 - a whole date parses to nothing else
            restriction = restriction._replace(latest=min(end, restriction.latest or end))
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )


class BusinessDaily(CronDataIntervalTimetable):
    """The business days of the library, which alone says when each begins: a run is about the day of its interval.

    Airflow's own cron stands still where a day begins at an hour that the clocks leave out: the interval before it is
    empty, and a run by hand has no day.
    """

    def __init__(self, timezone: str, starts_at: str, last: str = "") -> None:
        """Name the zone, the local time HH:MM, and the last day (YYYY-MM-DD) that is scheduled; empty: no last one."""
        from recsys_tasks.core.business_days import BusinessDays  # every process of Airflow loads this file

        self._days = BusinessDays(timezone, time.fromisoformat(starts_at))
        self._asked = {"timezone": timezone, "starts_at": starts_at, "last": last}
        super().__init__(f"{self._days.starts_at:%-M %-H} * * *", timezone)

    @property
    def summary(self) -> str:
        """What the UI shows as the schedule."""
        return f"daily, {self._days.name}"

    def serialize(self) -> dict[str, Any]:
        """What the scheduler needs to make it again."""
        return self._asked

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "BusinessDaily":
        """The schedule from what ``serialize`` gave."""
        return cls(**data)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next day of the schedule, none after the last; of a backfill, the days that its dates name."""
        earliest, latest = restriction.earliest, restriction.latest
        if restriction.catchup:  # the DAG never catches up: with it, Airflow asks for the days of a backfill
            restriction = restriction._replace(earliest=self._named(earliest), latest=self._named(latest))
        elif last := self._asked["last"]:
            end = instance(self._days.start(date.fromisoformat(last)))
            restriction = restriction._replace(latest=min(end, latest or end))
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )

    def _named(self, bound: DateTime | None) -> DateTime | None:
        """The beginning of the day that a bound of a backfill names.

        A date that comes as its midnight in UTC, as commands and the API give it, names that date; any other instant
        names the date that the local clock shows then.
        """
        if bound is None:
            return None
        in_utc = bound.astimezone(UTC)
        local = in_utc if in_utc.time() == time() else bound.astimezone(self._timezone)
        return instance(self._days.start(local.date()))

    def _get_next(self, current: datetime) -> DateTime:
        return instance(self._days.end(self._days.of(current)))

    def _get_prev(self, current: datetime) -> DateTime:
        return instance(self._days.start(self._days.of(current - datetime.resolution)))

    def _align_to_next(self, current: datetime) -> DateTime:
        return self._get_next(current - datetime.resolution)

    def _align_to_prev(self, current: datetime) -> DateTime:
        return instance(self._days.start(self._days.of(current)))
