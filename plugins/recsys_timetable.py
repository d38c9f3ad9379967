"""A daily schedule that ends at a date, without ending the right to run a day by hand or to backfill it.

``end_date`` of a DAG ends more than its schedule: a manual run with a later logical date gets no task, and is green.
"""

from typing import Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import DateTime, parse


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
