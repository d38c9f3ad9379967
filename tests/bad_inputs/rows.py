"""Cases 1 to 19: days, events, ids and instants in the source, and what becomes of them."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import psycopg2
import pytest
from conftest import execute
from settings import SIGNED, run
from source_tables import DAY, HOSTILE, config, create_streams, extract, insert, triples

from bad_inputs.cases import after_a_week, case, refused, service
from recsys_tasks.core.errors import DataRefused, EmptyDay, SourceMismatch
from recsys_tasks.source.catalogue import LONGEST_NAME
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps import check_data, extract_streams, increment_matrix
from recsys_tasks.steps.extract import extract_day

MIDNIGHT, TICK = datetime(2024, 3, 10, tzinfo=UTC), timedelta(microseconds=1)


def kept_as_data(dsn: str, folder: Path, ids: list[str]) -> None:
    """Each id comes out of partition, matrix and catalogue as it went in, a user and a track of its own."""
    create_streams(dsn, "text", "text", "text")
    insert(dsn, [(each, each, each) for each in ids])
    execute(dsn, "CREATE TABLE tracks AS SELECT track_id, track_id AS title, '' AS artist FROM streams")
    at = service(dsn, folder, catalogue="tracks", user_id_type="text", track_id_type="text")
    snapshot = extract_streams(at, DAY).catalogue
    matrix = at.matrices.load(DAY, increment_matrix(at, DAY).matrix)
    ordered = sorted(ids, key=str.encode)
    assert matrix.users.ids.to_pylist() == matrix.tracks.ids.to_pylist() == ordered
    np.testing.assert_array_equal(matrix.counts.toarray(), np.eye(len(ids)))
    assert snapshot is not None
    assert at.catalogues.load(DAY, snapshot)["title"].to_pylist() == [each[:LONGEST_NAME] for each in ordered]
    assert [path.name for path in folder.iterdir()] == ["store"]


@case(1, "an empty day")
def empty_day(source_dsn, tmp_path):
    """It is refused by its date and stores nothing; allowed by name, it is a partition of zero rows."""
    create_streams(source_dsn)
    at = service(source_dsn, tmp_path)
    with refused(EmptyDay, "no qualified stream of 2024-03-10", "allow_empty_day"):
        extract_streams(at, DAY)
    assert at.partitions.days() == []
    assert extract_streams(at, DAY, allow_empty=True).figures.rows_kept == 0


@case(2, "a day of one row")
def one_row(source_dsn, tmp_path):
    """It runs through every step without an error, is no ground for a verdict of PASS, and nothing goes live."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70)])
    outcome = run(service(source_dsn, tmp_path), DAY)
    assert (outcome.verdict.figures["users"], outcome.live) == (0, None)
    assert outcome.verdict.outcome != "PASS"


@case(3, "ten times the rows, or a tenth of them")
def other_volume(source_dsn, tmp_path):
    """The day is stopped before anything is trained on it, with the count, the median and the bounds."""
    at = after_a_week(source_dsn, tmp_path, 1000)
    with refused(DataRefused, "volume: 1,000 streams, 10.00 times the median of 7 days before (100)", "accept_data"):
        check_data(at, DAY, SIGNED)
    execute(source_dsn, f"DELETE FROM streams WHERE streamed_at >= '{DAY} 00:00:00.0105+00'")
    extract_streams(at, DAY)
    with refused(DataRefused, "volume: 10 streams, 0.10 times the median of 7 days before (100)"):
        check_data(at, DAY, SIGNED)


@case(4, "an event delivered twice")
def duplicate_event(source_dsn):
    """A second row of one event id is not counted, even where it differs."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70), (1, 7, 70), (1, 9, 90)])
    found = extract(source_dsn)
    assert (triples(found), found.dropped["duplicate"]) == ([(7, 70, 1)], 2)


@case(5, "two events of one user, track and instant")
def two_events_at_once(source_dsn):
    """Two event ids are two plays (``source.event_id`` says so); where no row has an id, they are one."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70), (2, 7, 70)])
    assert triples(extract(source_dsn)) == [(7, 70, 2)]
    assert triples(extract(source_dsn, event_id=None)) == [(7, 70, 1)]


@case(6, "a day delivered twice")
def day_delivered_twice(source_dsn, tmp_path):
    """The same rows again, and the same day extracted again, leave the same partition: nothing is counted double."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70), (2, 7, 71)])
    at = service(source_dsn, tmp_path)
    first = extract_streams(at, DAY)
    execute(source_dsn, "INSERT INTO streams SELECT * FROM streams")
    again = extract_streams(at, DAY)
    assert (again.partition, again.restated) == (first.partition, ())
    assert again.figures.dropped["duplicate"] == 2


@case(7, "a row without a user")
def no_user(source_dsn):
    """It is dropped and counted as null_id."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, None, 70), (2, 7, 70)])
    found = extract(source_dsn)
    assert (triples(found), found.dropped["null_id"]) == ([(7, 70, 1)], 1)


@case(8, "a row without a track")
def no_track(source_dsn):
    """It is dropped and counted as null_id, like a row without a user."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, None), (2, 7, 70)])
    found = extract(source_dsn)
    assert (triples(found), found.dropped["null_id"]) == ([(7, 70, 1)], 1)


@case(9, "a row without an instant")
def no_instant(source_dsn, tmp_path):
    """It lies in no day, and every run says how many such rows the source holds."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70, None), (2, 7, 70)])
    found = extract_streams(service(source_dsn, tmp_path), DAY)
    assert (found.figures.rows_read, found.unusable_instants) == (1, 1)


@case(10, "an empty text as an id")
def empty_id(source_dsn):
    """It is nobody's id: dropped and counted as null_id, on either side."""
    create_streams(source_dsn, "text", "text")
    insert(source_dsn, [(1, "", "t"), (2, "u", ""), (3, " ", "t")])
    found = extract(source_dsn, user_id_type="text", track_id_type="text")
    assert (triples(found), found.dropped["null_id"]) == ([(" ", "t", 1)], 2)


@case(11, "an id of 10 kB")
def long_id(source_dsn, tmp_path):
    """It is an id like any other, to its last letter."""
    kept_as_data(source_dsn, tmp_path, ["x" * 10_240, "x" * 10_239 + "y", "x"])


@case(12, "one letter spelled in two ways")
def composed_and_decomposed(source_dsn, tmp_path):
    """Ids are compared byte for byte (``source.py`` says so): composed and decomposed are two."""
    kept_as_data(source_dsn, tmp_path, ["caf\u00e9", "cafe\u0301"])


@case(13, "line breaks, tabs, quotes and backslashes in an id")
def control_characters(source_dsn, tmp_path):
    """All are kept, and two columns never run into one another; a NUL cannot stand in a text of Postgres."""
    kept_as_data(source_dsn, tmp_path, [*HOSTILE, "a", "ab", "b", "bb", "\x01\x7f", "\u2028", "\r"])
    with pytest.raises(psycopg2.Error, match="null character"):
        execute(source_dsn, "INSERT INTO streams (user_id) VALUES ('a' || chr(0))")


@case(14, "a path, a statement or a template as an id")
def hostile_id(source_dsn, tmp_path):
    """It is plain data: no file lies elsewhere, the table is there, and nothing is computed."""
    kept_as_data(
        source_dsn, tmp_path, ["../../x", "'; DROP TABLE streams; --", "{{ 7*7 }}", "$(id)", "%s", "{0}", "\\"]
    )


@case(15, "an instant outside the day")
def outside_the_day(source_dsn):
    """It is not selected."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70, MIDNIGHT - TICK), (2, 7, 71, MIDNIGHT + timedelta(days=1)), (3, 7, 72)])
    assert triples(extract(source_dsn)) == [(7, 72, 1)]


@case(16, "an instant on midnight")
def on_midnight(source_dsn):
    """00:00 belongs to the day that begins with it, and 24:00 to the next: each instant lies in one day."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70, "2024-03-10 00:00+00"), (2, 7, 71, "2024-03-10 24:00+00")])
    found = [triples(extract(source_dsn, day)) for day in (DAY - timedelta(days=1), DAY, DAY + timedelta(days=1))]
    assert found == [[], [(7, 70, 1)], [(7, 71, 1)]]


@case(17, "instants of infinity, of 1970 and of the year 9999")
def absurd_instants(source_dsn):
    """Infinity lies in no day and is counted; 1970 and 9999 lie in days of their own, and complete no other."""
    create_streams(source_dsn)
    instants = ("infinity", "-infinity", "1970-01-01 00:00Z", "9999-12-31 23:59Z")
    insert(source_dsn, [(number, 7, 70, instant) for number, instant in enumerate(instants)])
    with Source(source_dsn, config()) as source:
        assert (extract_day(source, DAY).rows_read, source.unusable_instants()) == (0, 2)
        assert not source.has_begun(DAY, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


@case(18, "a column of instants without a time zone")
def naive_instants(source_dsn):
    """It is refused, with the words that mend it."""
    create_streams(source_dsn)
    execute(source_dsn, "ALTER TABLE streams ALTER streamed_at TYPE timestamp")
    with refused(SourceMismatch, "streamed_at of streams is timestamp without time zone", "AT TIME ZONE 'UTC'"):
        extract(source_dsn)


@case(19, "the hour that comes twice when the clocks go back")
def repeated_hour(source_dsn):
    """Half past two in summer time and half past two in winter time are two plays."""
    create_streams(source_dsn)
    zones = [timezone(timedelta(hours=hours)) for hours in (2, 1)]
    insert(source_dsn, [(None, 7, 70, datetime(2024, 10, 27, 2, 30, tzinfo=zone)) for zone in zones])
    assert triples(extract(source_dsn, date(2024, 10, 27))) == [(7, 70, 2)]
