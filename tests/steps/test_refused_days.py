"""What a refused or accepted day means for the runs after it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from checked_days import DAY, START, check, clear, fill, kept, tenfold, thirty_days
from conftest import execute
from settings import SIGNED, config

from recsys_tasks.core.errors import DataRefused
from recsys_tasks.core.policy import QualityConfig
from recsys_tasks.steps import data_checks, increment_matrix


@pytest.fixture
def service(source_dsn, tmp_path):
    """Thirty ordinary days."""
    return thirty_days(source_dsn, tmp_path)


class TestLaterDays:
    def test_a_refused_day_stops_its_own_run_alone_until_it_is_mended(self, service):
        """Runs of its late window and those after name it and go on; mended and rerun, nobody names it any more."""
        tenfold(service.dsn, DAY)
        for _ in range(2):
            with pytest.raises(DataRefused, match=r"2026-01-15 is quarantined, .*: volume: 10,000 streams"):
                check(service, DAY)
        for offset in (1, 3, 4, 9):
            outcome = check(service, DAY + timedelta(days=offset))
            assert (outcome.quarantined, len(outcome.warnings)) == ((DAY,), 1)
            assert outcome.warnings[0].startswith(
                "2026-01-15 is quarantined, and no play of it is used: volume: 10,000"
            )
        clear(service.dsn, DAY)
        fill(service.dsn, DAY)
        check(service, DAY)
        outcome = check(service, DAY + timedelta(days=9))
        assert (outcome.quarantined, outcome.warnings) == ((), ())

    def test_a_check_that_dies_while_it_keeps_its_results_lets_nothing_slip(self, service, monkeypatch):
        """Killed before what was found is kept: the date is looked at again for ever, as one that was refused."""
        tenfold(service.dsn, DAY)
        with monkeypatch.context() as patch:
            patch.setattr(service.checked, "save_found", lambda date, *_: 1 / (date - DAY).days)
            with pytest.raises(ZeroDivisionError):
                check(service, DAY)
        assert check(service, DAY + timedelta(days=9)).quarantined == (DAY,)

    def test_the_log_says_how_to_accept_another_date(self, service):
        """Whoever reads the log of a later run learns that the date has a run of its own for that."""
        tenfold(service.dsn, DAY)
        told = []
        check(replace(service, progress=told.append), DAY + timedelta(days=1))
        assert [line for line in told if line.endswith("run 2026-01-15 itself with a reason (accept_data)")]

    def test_a_refused_day_stops_no_earlier_run(self, service):
        """A backfill of a date before it folds nothing of it."""
        tenfold(service.dsn, DAY)
        with pytest.raises(DataRefused):
            check(service, DAY)
        assert check(service, DAY - timedelta(days=1)).warnings == ()

    def test_no_date_before_the_history_is_asked_about(self, service):
        """On the first dates of all the late window reaches back to where there is nothing."""
        assert check(service, START).dates == (START,)

    def test_a_day_is_not_compared_with_itself(self, service):
        """On the third day there are two earlier ones."""
        check(service, START + timedelta(days=2))
        assert "2 earlier days with streams" in data_checks(service, START + timedelta(days=2))[0].found

    def test_no_date_before_the_history_is_compared_with(self, service):
        """The start was moved to a later date: what is stored of before may have been made under another rule."""
        check(service, DAY)
        moved = config(source={"history_start": DAY - timedelta(days=2)})
        (volume, *_) = data_checks(replace(service, config=moved), DAY)
        assert "2 earlier days with streams are no history" in volume.found

    def test_an_accepted_day_stops_no_later_run(self, service):
        """A person's word is kept with who, why and when; the day is a warning from then on, wherever it is seen."""
        tenfold(service.dsn, DAY)
        with pytest.raises(DataRefused):
            check(service, DAY)
        (word,) = check(service, DAY, " a festival ").accepted
        assert (word.day, word.by, word.why, word.at) == (DAY, "olga", "a festival", SIGNED.at)
        assert word.checks == ("volume",)
        for offset in (0, 1, 9):
            outcome = check(service, DAY + timedelta(days=offset))
            assert ([each.why for each in outcome.accepted], len(outcome.warnings)) == (["a festival"], 1)

    def test_a_rerun_keeps_nothing_more(self, service):
        """Refused twice and accepted twice: one record of each, and the first person's word stays."""
        tenfold(service.dsn, DAY)
        for _ in range(2):
            with pytest.raises(DataRefused):
                check(service, DAY)
        check(service, DAY, "a festival")
        before = kept(service)
        assert [name.split("-")[2][3:] for name in sorted(before)] == ["accepted", "refused"]
        assert check(service, DAY, "another reason").accepted[0].why == "a festival"
        assert kept(service) == before

    def test_a_blank_reason_accepts_nothing(self, service):
        """Nobody accepts by saying nothing."""
        tenfold(service.dsn, DAY)
        with pytest.raises(DataRefused):
            check(service, DAY, "  ")

    def test_a_word_speaks_for_the_run_s_own_day(self, service):
        """Who accepts a day accepts no other one that he has not been shown, not even one of its late window."""
        other = DAY - timedelta(days=2)
        tenfold(service.dsn, other)
        tenfold(service.dsn, DAY)
        outcome = check(service, DAY, "a festival")
        assert ([each.day for each in outcome.accepted], outcome.quarantined) == ([DAY], (other,))
        assert [each.day for each in check(service, other, "another festival").accepted] == [other]
        assert check(service, DAY).quarantined == ()

    def test_wider_bounds_lift_the_quarantine(self, service):
        """The date is checked again by every later run: what it was refused for once is not held against it."""
        tenfold(service.dsn, DAY)
        after = DAY + timedelta(days=1)
        assert check(service, after).quarantined == (DAY,)
        wide = service.config.model_copy(update={"quality": QualityConfig(stop_volume=(0.1, 20))})
        assert check(replace(service, config=wide), after).quarantined == ()
        assert service.quarantine.days() == []

    def test_a_restated_day_is_asked_about_again(self, service):
        """The word was given for other streams than those that are there now."""
        tenfold(service.dsn, DAY)
        check(service, DAY, "a festival")
        execute(service.dsn, f"INSERT INTO streams VALUES (-1, 1, 1, '{DAY} 12:00+00', 200000, false)")
        (warning,) = check(service, DAY + timedelta(days=1)).warnings
        assert warning.startswith("2026-01-15 is quarantined, and no play of it is used: volume: 10,001 streams")

    def test_a_word_holds_for_the_checks_it_names(self, service):
        """The volume was accepted; private rows that arrive later change no count, and stop the day."""
        tenfold(service.dsn, DAY)
        check(service, DAY, "a festival")
        execute(
            service.dsn,
            f"INSERT INTO streams SELECT -i, 1, 1, '{DAY} 12:00+00'::timestamptz, 200000, true "
            "FROM generate_series(1, 200000) i",
        )
        quarantined, volume = check(service, DAY + timedelta(days=1)).warnings
        assert quarantined.startswith("2026-01-15 is quarantined, and no play of it is used: dropped as private")
        assert volume.startswith("2026-01-15: volume")

    def test_a_day_that_was_restated_beyond_a_bound_is_named(self, service):
        """A date of the late window passed yesterday, and is ten times as large today."""
        check(service, DAY)
        tenfold(service.dsn, DAY)
        assert check(service, DAY + timedelta(days=3)).quarantined == (DAY,)

    def test_a_distant_day_does_not_stop_the_first_run(self, service):
        """A first run meets an odd day of its history, within the late window of which nothing is odd."""
        tenfold(service.dsn, DAY - timedelta(days=4))
        assert check(service, DAY).warnings == ()
        tenfold(service.dsn, DAY - timedelta(days=3))
        assert check(service, DAY).quarantined == (DAY - timedelta(days=3),)

    def test_a_day_of_an_outage_is_looked_at_when_the_pipeline_catches_up(self, service):
        """The pipeline stood still for a week: every day since the newest matrix is asked about."""
        before = DAY - timedelta(days=8)
        check(service, before)
        increment_matrix(service, before)
        tenfold(service.dsn, DAY - timedelta(days=6))
        assert check(service, DAY).quarantined == (date(2026, 1, 9),)
