"""The schedule of business days on Airflow's own machinery: one run a day over both changes of the clocks."""

import re
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pendulum
import pytest
from dag_runs import load_dag, run_by_hand
from settings import TOML

import recsys_tasks
from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.core.config import parse_config

RULES = {
    "Berlin from four": ("Europe/Berlin", "04:00"),
    "an hour that is left out, and comes twice": ("Europe/Berlin", "02:30"),
    "a midnight that is left out": ("America/Santiago", "00:00"),
    "another one": ("Africa/Cairo", "00:00"),
    "clocks that change by half an hour": ("Australia/Lord_Howe", "02:00"),
    "a day that begins on the date before": ("Asia/Tokyo", "00:00"),
    "UTC from an hour": ("UTC", "18:00"),
}


@pytest.fixture
def scheduled(dag, monkeypatch, tmp_path):
    """Make the DAG of a rule as the scheduler has it, which read it from the database."""
    from airflow.serialization.serialized_objects import DagSerialization

    def make(zone, starts_at, last=""):
        end = f"end_date = {last}\n" if last else ""
        table = f"[schedule]\ntimezone = '{zone}'\nday_starts_at = '{starts_at}'\n{end}"
        (tmp_path / "config.toml").write_text(TOML + table)
        return DagSerialization.from_dict(DagSerialization.to_dict(load_dag()))

    return make


@contextmanager
def clock(now):
    """The clock of the scheduler, where Airflow's timetables read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow.timetables.interval.utcnow", lambda: now)
        yield


def days_of_runs(infos, days, kind):
    """The business day of each run, and that its interval is that day."""
    from recsys_dag.context import business_day

    named = []
    for info in infos:
        start, end = info.data_interval
        run = SimpleNamespace(run_type=kind, data_interval_start=start, data_interval_end=end)
        named.append(business_day(run, {}, days))
        assert (start, end) == (days.start(named[-1]), days.end(named[-1]))
        assert info.run_after == end
    return named


def rule(zone, starts_at):
    """The rule as the configuration makes it."""
    table = {"timezone": zone, "day_starts_at": starts_at}
    return parse_config({"source": {"history_start": "2026-01-01"}, "schedule": table}).schedule.days


@pytest.mark.parametrize("name", RULES)
class TestRuns:
    def test_a_year_of_the_schedule(self, scheduled, name):
        """The scheduler makes one run for each day of a year, when that day is over, and none twice."""
        daily, days = scheduled(*RULES[name]), rule(*RULES[name])
        infos, info = [], None
        now = days.end(date(2026, 1, 1)) + timedelta(minutes=1)
        for _day in range(365):
            with clock(now):
                info = daily.next_dagrun_info(last_automated_run_info=info)
            infos.append(info)
            now = days.end(days.of(info.data_interval.end)) + timedelta(minutes=1)
        assert days_of_runs(infos, days, "scheduled") == [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]

    def test_a_day_that_was_missed_is_left_to_extraction(self, scheduled, name):
        """After a pause over a change of the clocks the next run is about the last finished day."""
        daily, days = scheduled(*RULES[name]), rule(*RULES[name])
        first = [info for info in daily.iter_dagrun_infos_between(*[datetime(2026, 3, 20, tzinfo=UTC)] * 2)]
        with clock(datetime(2026, 4, 20, 21, tzinfo=UTC)):
            info = daily.next_dagrun_info(last_automated_run_info=first[-1])
            assert days_of_runs([info], days, "scheduled") == [
                days.last_finished(datetime(2026, 4, 20, 21, tzinfo=UTC))
            ]

    @pytest.mark.parametrize("month", [3, 4, 9, 10])
    def test_a_backfill_has_the_days_that_its_dates_name(self, scheduled, name, month):
        """As midnights of UTC, which commands and the API send, and as midnights of the zone, which a dialog may."""
        zone, _ = RULES[name]
        daily, days = scheduled(*RULES[name]), rule(*RULES[name])
        wanted = [date(2026, month, 1) + timedelta(days=n) for n in range(35)]
        for midnights in ("UTC", zone):
            bounds = [pendulum.datetime(day.year, day.month, day.day, tz=midnights) for day in (wanted[0], wanted[-1])]
            infos = daily.iter_dagrun_infos_between(*bounds)
            assert days_of_runs(infos, days, "backfill") == wanted

    def test_a_run_by_hand_is_about_the_last_finished_day(self, scheduled, name):
        """With a logical date the day that was over then, every hour over both changes; without one, likewise."""
        from recsys_dag.context import business_day

        daily, days = scheduled(*RULES[name]), rule(*RULES[name])
        for begin in (
            datetime(2026, 3, 27, tzinfo=UTC),
            datetime(2026, 9, 4, tzinfo=UTC),
            datetime(2026, 10, 23, tzinfo=UTC),
        ):
            for hour in range(96):
                now = pendulum.instance(begin + timedelta(hours=hour))
                start, end = daily.timetable.infer_manual_data_interval(run_after=now)
                run, bare = run_by_hand(now, start, end), run_by_hand(now)
                assert business_day(run, {}, days) == business_day(bare, {}, days) == days.last_finished(now)

    def test_it_ends_at_its_date(self, scheduled, name):
        """The last day of the schedule is a business day; a backfill goes past it."""
        daily, days = scheduled(*RULES[name], last="2026-03-29"), rule(*RULES[name])
        infos = list(daily.iter_dagrun_infos_between(*[datetime(2026, 3, 28, tzinfo=UTC)] * 2))
        with clock(days.end(date(2026, 3, 29)) + timedelta(minutes=1)):
            info = daily.next_dagrun_info(last_automated_run_info=infos[0])
            assert days_of_runs([info], days, "scheduled") == [date(2026, 3, 29)]
        with clock(days.end(date(2026, 3, 31)) + timedelta(minutes=1)):
            assert daily.next_dagrun_info(last_automated_run_info=info) is None
        past = daily.iter_dagrun_infos_between(*(datetime(2026, 3, n, tzinfo=UTC) for n in (28, 31)))
        assert [day.day for day in days_of_runs(past, days, "backfill")] == [28, 29, 30, 31]


class TestRule:
    def test_utc_days_keep_their_schedule(self, scheduled):
        """With the defaults written out, the stored schedule is what it is without them."""
        from airflow.serialization.serialized_objects import DagSerialization

        written = DagSerialization.to_dict(load_dag())["dag"]["timetable"]
        scheduled("UTC", "00:00")
        assert DagSerialization.to_dict(load_dag())["dag"]["timetable"] == written
        assert written["__type"] == "airflow.timetables.interval.CronDataIntervalTimetable"

    def test_the_zone_is_shown(self, scheduled):
        """Airflow's UI says by which clock the days begin."""
        daily = scheduled("Europe/Berlin", "04:00")
        assert daily.timetable.summary == "daily, Europe/Berlin from 04:00"
        script = (Path(recsys_tasks.__file__).parent / "pages" / "static" / "backfill.js").read_text()
        (pattern,) = re.findall(r"match\(/(.+)/\)", script)
        assert re.match(pattern, daily.timetable.summary)[1] == "Europe/Berlin", "the page lists days by this zone"

    def test_a_run_of_another_rule_is_refused(self, dag):
        """A run whose interval is no day any more says so, whether the rule came or went; a day by name still runs."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import business_day

        berlin, utc = BusinessDays("Europe/Berlin"), BusinessDays()
        day = date(2026, 11, 20)
        for old, new in ((berlin, utc), (utc, berlin)):
            run = SimpleNamespace(
                run_type="scheduled", data_interval_start=old.start(day), data_interval_end=old.end(day)
            )
            with pytest.raises(AirflowFailException, match=r"no day does.*changed since"):
                business_day(run, {}, new)
            assert business_day(run, {"day": "2026-11-20"}, new) == day

    def test_an_unknown_zone_is_an_import_error(self, dag, monkeypatch, tmp_path):
        """Airflow shows the sentence that names the field; no run guesses at a zone."""
        from dag_runs import load_bag

        (tmp_path / "config.toml").write_text(TOML + "[schedule]\ntimezone = 'Europe/Berln'\n")
        said = "\n".join(load_bag().import_errors.values())
        assert "Did you mean Europe/Berlin?" in said
