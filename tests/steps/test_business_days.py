"""What a change of the zone or the hour does to a store, and which clock completeness and age go by."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backfilling import DAYS, at_work, backfill
from settings import artefacts_of
from source_tables import LONG, create_streams, insert

from recsys_tasks.cli.main import main
from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.core.config import ScheduleConfig
from recsys_tasks.pages.live import live
from recsys_tasks.pages.site import render
from recsys_tasks.release.lineage import lineage
from recsys_tasks.steps import extract_streams, live_sentence, look_at_live, source_is_complete, write_report
from recsys_tasks.steps.extract import qualification_rule

BERLIN = {"timezone": "Europe/Berlin", "day_starts_at": "04:00"}
HOUR = timedelta(hours=1)


@pytest.fixture
def service(source_dsn: str) -> str:
    """A stream each hour, from two days before the five dates to two days after them."""
    create_streams(source_dsn)
    begin = datetime(2024, 2, 25, tzinfo=UTC)
    insert(source_dsn, [(n, n % 11, n % 7, begin + n * HOUR, LONG, False) for n in range(9 * 24)])
    return source_dsn


def rules_of(at: Any) -> set[str]:
    """The rules that the stored partitions were made by."""
    return {at.partitions.newest(day).rule for day in at.partitions.days()}


class TestChange:
    def test_all_dates_are_extracted_again_and_back(self, service: str, tmp_path: Any) -> None:
        """No matrix mixes days of two rules: a new one restates every date, and the old one gives the old bytes."""
        utc = at_work(tmp_path, service)
        backfill(utc, *DAYS)
        before = artefacts_of(tmp_path)
        assert rules_of(utc) == {qualification_rule(utc.config.source)}

        berlin = at_work(tmp_path, service, schedule=BERLIN)
        extracted, folded = backfill(berlin, DAYS[-1])
        assert set(extracted.restated) == set(DAYS)
        assert rules_of(berlin) == {qualification_rule(berlin.config.source, berlin.days)}
        assert rules_of(berlin) != {qualification_rule(utc.config.source)}
        fresh = at_work(tmp_path / "fresh", service, schedule=BERLIN)
        assert backfill(fresh, DAYS[-1])[1].matrix == folded.matrix, "as if the days had been cut so from the start"
        assert extract_streams(berlin, DAYS[-1]).restated == ()

        backfill(utc, DAYS[-1])
        after = artefacts_of(tmp_path)
        assert {name: after[name] for name in before} == before

    def test_days_that_are_equal_under_another_name(self, service: str, tmp_path: Any) -> None:
        """Tokyo's day from nine o'clock is UTC's: no play count changes, but the hours are those of Tokyo's clock."""
        insert(service, [(1000, 1, 1, datetime(2024, 2, 27, 1, 30, tzinfo=UTC))])
        busiest = []
        for schedule in ({}, {"timezone": "Asia/Tokyo", "day_starts_at": "09:00"}, {}):
            at = at_work(tmp_path, service, schedule=schedule)
            assert extract_streams(at, DAYS[0]).restated == ()
            hours = at.shapes.traces(at.partitions.newest(DAYS[0])).hours
            busiest.append(hours.index(2))
            assert rules_of(at) == {qualification_rule(at.config.source, at.days)}
        assert busiest == [1, 10, 1]

    def test_another_rule_is_another_digest(self) -> None:
        """The zone and the hour count, each; the default is the digest that old partitions carry."""
        source = at_work(Path()).config.source
        rules = [BusinessDays(), BusinessDays("Europe/Berlin"), BusinessDays("Europe/Paris")]
        rules += [ScheduleConfig(**BERLIN).days, ScheduleConfig(day_starts_at="04:00").days]
        found = [qualification_rule(source, rule) for rule in rules]
        assert len(set(found)) == len(rules)
        assert (
            found[0] == qualification_rule(source) == "1306c4a172eeaae1989da088ea64db6b96e836a2e9bbf8f4cb071f14465f2826"
        )


class TestComplete:
    def test_a_day_of_23_hours(self, service: str, tmp_path: Any) -> None:
        """Grace and longest wait are counted from the day's own end: four o'clock of summer time."""
        at, day = at_work(tmp_path, service, schedule=BERLIN), date(2026, 3, 28)
        end = datetime(2026, 3, 29, 2, tzinfo=UTC)
        assert not source_is_complete(at, day, end + HOUR - timedelta(seconds=1))
        assert not source_is_complete(at, day, end + HOUR), "no stream of the day after was seen"
        assert not source_is_complete(at, day, end + 6 * HOUR - timedelta(seconds=1))
        assert source_is_complete(at, day, end + 6 * HOUR)
        insert(service, [(2000 + user, user, 1, end - timedelta(seconds=1)) for user in range(5)])
        assert not source_is_complete(at, day, end + HOUR)
        insert(service, [(2010 + user, user, 1, end) for user in range(5)])
        assert source_is_complete(at, day, end + HOUR)


@pytest.fixture
def in_berlin(copied: Any) -> Any:
    """Three days of releases, as a service of Berlin looks at them: its newest day ended at three o'clock UTC."""
    config = copied.config.model_copy(update={"schedule": ScheduleConfig(**BERLIN)})
    return replace(copied, config=config)


class TestAge:
    END = datetime(2026, 1, 16, 3, tzinfo=UTC)

    def test_what_watches_it(self, in_berlin: Any) -> None:
        """36 hours after the end of the business day it is fresh, a moment later stale; the alert says how old."""
        assert look_at_live(in_berlin, self.END + 36 * HOUR).stale is False
        assert look_at_live(in_berlin, self.END + 36 * HOUR + timedelta(seconds=1)).stale is True
        assert "(data of 2026-01-15, 2 hours old)" in look_at_live(in_berlin, self.END + 2 * HOUR).live
        assert "2 hours old" in live_sentence(in_berlin.store, self.END + 2 * HOUR, in_berlin.days)

    def test_the_page(self, in_berlin: Any) -> None:
        """The age is the same, and beside it stands when the day ended, by the clock of the zone."""
        config = in_berlin.config
        found = live(in_berlin.store, config.freshness, self.END + 2 * HOUR, in_berlin.days)
        assert found["age"] == 2
        page = render("live", "live", home="/recsys/", airflow="/", **found)
        assert "since the end of its data, 2026-01-16 04:00 CET (Europe/Berlin); stale past" in page

    def test_the_command(self, in_berlin: Any, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
        """``status`` reads the zone where a configuration is named, and needs none."""
        path = tmp_path / "berlin.toml"
        path.write_text("[schedule]\ntimezone = 'Pacific/Kiritimati'\n")  # fourteen hours before UTC
        ages = []
        for named in ({}, {"RECSYS_CONFIG": str(path)}):
            assert main(["status", "--json"], {"RECSYS_ROOT": str(in_berlin.store.root), **named}) == 0
            ages.append(float(capsys.readouterr().out.split('"age_hours": ')[1].split(",")[0]))
        assert ages[1] - ages[0] == pytest.approx(14, abs=0.1)

    def test_the_report(self, in_berlin: Any) -> None:
        """Its plots say of which zone the days are, and from which hour on."""
        (judgement,) = in_berlin.judgements.of(date(2026, 1, 15))
        page = (in_berlin.store.root / write_report(in_berlin, judgement.day, judgement.name).report).read_text()
        assert "day (Europe/Berlin from 04:00) 2026-01-13 to 2026-01-15" in page
        assert "(UTC)" not in page

    def test_the_lineage_still_reads(self, in_berlin: Any) -> None:
        """Of what was made before the change, everything is found as it was."""
        rows = lineage(in_berlin.store, in_berlin.releases.log().require_live().candidate)["partitions"]
        assert {row["rule"] for row in rows} == {qualification_rule(in_berlin.config.source)}
