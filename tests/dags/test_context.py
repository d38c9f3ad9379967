"""From a run to its day, to who signs for it, and to the address of the source."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from dag_runs import run_by_hand
from psycopg2.extensions import parse_dsn

from recsys_tasks.core.business_days import UTC_DAYS
from recsys_tasks.core.typed_text import WORDS

START = datetime(2026, 11, 22, tzinfo=UTC)


class TestBusinessDay:
    @pytest.mark.parametrize(
        ("params", "interval", "logical", "after", "day"),
        [
            ({}, START, START, datetime(2026, 11, 23, tzinfo=UTC), date(2026, 11, 22)),
            ({"day": "2026-11-01"}, START, START, START, date(2026, 11, 1)),
            ({"day": None}, None, None, datetime(2026, 11, 23, 9, tzinfo=UTC), date(2026, 11, 22)),
            ({}, None, START, START, date(2026, 11, 22)),
            ({"day": "2024-02-29"}, None, None, START, date(2024, 2, 29)),
            ({}, None, None, datetime(2027, 1, 1, 0, 30, tzinfo=UTC), date(2026, 12, 31)),
        ],
    )
    def test_every_kind_of_run_has_its_day(self, dag, params, interval, logical, after, day):
        """Scheduled, backfill, typed-in, manual and without a logical date, over leap day and year end."""
        from recsys_dag.context import business_day

        end = interval and interval + timedelta(days=1)
        run = run_by_hand(after, interval, end, logical)
        assert business_day(run, params, UTC_DAYS) == day

    def test_one_day_for_all_dates_of_a_backfill_is_refused(self, dag):
        """The dialog of a backfill offers the parameter; each of its runs would do the same day."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import business_day

        end = START + timedelta(days=1)
        run = SimpleNamespace(run_type="backfill", data_interval_start=START, data_interval_end=end)
        assert business_day(run, {"day": None}, UTC_DAYS) == START.date()
        with pytest.raises(AirflowFailException, match="Leave `day` empty in a backfill"):
            business_day(run, {"day": "2026-11-01"}, UTC_DAYS)

    def test_an_interval_without_time_is_refused(self, dag):
        """A timetable that gives instants, not days, would shift every date by one; a day by name is still taken."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import business_day

        at = {name: START for name in ("data_interval_start", "data_interval_end", "logical_date", "run_after")}
        run = SimpleNamespace(run_type="manual", **at)
        with pytest.raises(AirflowFailException, match="data interval is empty"):
            business_day(run, {}, UTC_DAYS)
        assert business_day(run, {"day": "2026-11-01"}, UTC_DAYS) == date(2026, 11, 1)


class TestSigner:
    def test_a_persons_word_asks_for_a_person(self, airflow_home):
        """The one who triggered signs; without one Airflow does, but not for a word that a log keeps with a name."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import signer

        by_hand = SimpleNamespace(triggering_user_name="olga", run_type="manual")
        by_a_task = SimpleNamespace(triggering_user_name="olga", run_type="operator_triggered")
        alone = SimpleNamespace(triggering_user_name=None, run_type=SimpleNamespace(value="backfill"))
        assert signer(by_hand, {"publish_older": "why"}) == "olga"
        assert signer(alone, {"publish_older": None, "accept_data": ""}) == "airflow (backfill)"
        for word in WORDS:
            for run in (alone, by_a_task):
                with pytest.raises(AirflowFailException, match=f"{word} is a named person's word"):
                    signer(run, {word: "why"})

    def test_a_task_of_another_dag_gives_nobodys_word(self, airflow_home):
        """Airflow hands on the name of whoever ran that DAG; a run without a word is signed with it, as ever."""
        from recsys_dag.context import signer

        for kind in ("operator_triggered", "asset_materialization", "backfill"):
            run = SimpleNamespace(triggering_user_name="olga", run_type=kind)
            assert signer(run, {"publish_older": " ", "accept_data": None}) == "olga"

    def test_a_word_that_cannot_be_kept_ends_the_first_task(self, airflow_home):
        """Not after the hours of training that it was for."""
        from recsys_dag.context import signer

        from recsys_tasks.core.errors import ConfigError

        by_hand = SimpleNamespace(triggering_user_name="olga", run_type="manual")
        for word in WORDS:
            with pytest.raises(ConfigError, match="1,100,000"):
                signer(by_hand, {word: "x" * 1_100_000})


class TestSource:
    def test_the_connection_brings_its_extras(self, airflow_home, monkeypatch):
        """What the connection says of TLS reaches libpq, and wins over the environment's address."""
        from recsys_dag.context import source_address

        from recsys_tasks.core.services import Service

        monkeypatch.setenv("RECSYS_SOURCE_DSN", "host=other")
        monkeypatch.setenv("AIRFLOW_CONN_RECSYS_SOURCE", "postgres://reader:x@db:5433/music?sslmode=verify-full")
        assert parse_dsn(source_address(Service("", None, None))) == {
            "host": "db",
            "port": "5433",
            "user": "reader",
            "password": "x",
            "dbname": "music",
            "sslmode": "verify-full",
        }

    def test_an_extra_that_libpq_does_not_know_is_named(self, airflow_home, monkeypatch):
        """A mistyped sslmode must not mean no check of the certificate."""
        from airflow.sdk.exceptions import AirflowFailException
        from recsys_dag.context import source_address

        from recsys_tasks.core.services import Service

        monkeypatch.setenv("AIRFLOW_CONN_RECSYS_SOURCE", "postgres://reader:x@db/music?sslmod=verify-full")
        with pytest.raises(AirflowFailException, match="sslmod"):
            source_address(Service("", None, None))
