"""Cases 20 to 36: counts, the rules by which streams qualify, and the tables that they come from."""

import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg2
import pyarrow as pa
from conftest import execute
from settings import SIGNED
from source_tables import DAY, LONG, NOON, create_streams, extract, insert, triples

from bad_inputs.cases import after_a_week, case, refused, service
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import PlayCounts
from recsys_tasks.core.errors import BadData, DataRefused, SourceMismatch, SourceUnavailable
from recsys_tasks.matrix.play_matrix import empty_matrix, fold
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.steps import check_data, data_checks, extract_streams, increment_matrix


def counts(plays: Any) -> PlayCounts:
    """Plays of one user of one track."""
    return PlayCounts(pa.array([1]), pa.array([1]), np.array([plays]))


def _refuses_fractions(dsn: str, kind: str, value: str) -> None:
    """A column of fractions is refused before a row is read, and so are counts of that type."""
    create_streams(dsn)
    execute(
        dsn, f"ALTER TABLE streams ALTER ms_played TYPE {kind}", f"INSERT INTO streams (ms_played) VALUES ({value})"
    )
    with refused(SourceMismatch, f"ms_played of streams is {kind}", "needs smallint or integer or bigint", "Cast it"):
        extract(dsn)
    with refused(BadData, "Play counts are float64"):
        counts(float(value.strip("'")))


@case(20, "a negative count")
def negative_count(source_dsn):
    """A play of negative length is dropped as short; counts are unsigned, and others are refused."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70, NOON, -LONG), (2, 7, 70)])
    found = extract(source_dsn)
    assert (triples(found), found.dropped["short"]) == ([(7, 70, 1)], 1)
    with refused(BadData, "Play counts are int64", "Extract the day again"):
        counts(-1)


@case(21, "a count of zero")
def zero_count(source_dsn):
    """A play of no length is dropped as short; a pair without a play is never stored."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70, NOON, 0), (2, 7, 71)])
    assert triples(extract(source_dsn)) == [(7, 71, 1)]
    with refused(BadData, "a zero count"):
        counts(np.uint32(0))


@case(22, "a count that is NaN")
def nan_count(source_dsn):
    """Only a column of fractions can hold one, and such a column is refused."""
    _refuses_fractions(source_dsn, "double precision", "'NaN'")


@case(23, "an infinite count")
def infinite_count(source_dsn):
    """Only a column of fractions can hold one, and such a column is refused."""
    _refuses_fractions(source_dsn, "real", "'Infinity'")


@case(24, "a count beyond 32 bits")
def huge_count(source_dsn):
    """However long, a row is one play; a cell that outgrows its 32 bits is refused, as is a weight beyond float32."""
    create_streams(source_dsn)
    execute(source_dsn, "ALTER TABLE streams ALTER ms_played TYPE bigint")
    insert(source_dsn, [(1, 7, 70, NOON, 2**62)])
    assert triples(extract(source_dsn)) == [(7, 70, 1)]
    matrix = fold(empty_matrix(pa.int64(), pa.int64()), DAY, counts(np.uint32(3e9)), "a")
    with refused(BadData, "With 2024-03-11, one user has played one track 2^32 times"):
        fold(matrix, DAY + timedelta(days=1), counts(np.uint32(2e9)), "b")
    start = Factors(np.full((1, 2), 0.01, np.float32), np.full((1, 2), 0.01, np.float32))
    beyond = AlsConfig(factors=2, a=1e38, cap=2**31 - 1)
    with np.errstate(all="ignore"), refused(BadData, "after iteration 1 a factor is not finite", "Lower als.a"):
        Als(beyond).alternate(matrix.counts, start, warm=False)


@case(25, "a fractional count")
def fractional_count(source_dsn):
    """Nothing is rounded (``source.py`` says so): such a column is refused, a view has to say what is meant."""
    _refuses_fractions(source_dsn, "numeric", "1.5")


@case(26, "a bot that plays all day")
def bot(source_dsn, tmp_path):
    """200,000 plays by one user stop the day; if a person lets them pass, one track weighs as much as als.cap plays."""
    at = after_a_week(source_dsn, tmp_path, 200_000, user="666")
    with refused(DataRefused, "most plays by one user: 200,000, asked: at most 3,000, at the utmost 100,000"):
        check_data(at, DAY, SIGNED)
    assert check_data(at, DAY, SIGNED, "a load test").accepted[0].why == "a load test"
    plays = at.matrices.load(DAY, increment_matrix(at, DAY).matrix).counts
    assert confidence(plays, AlsConfig(weight="linear", a=40.0, cap=1000)).max() == 1 + 40.0 * 1000


@case(27, "a listener of 50,000 tracks in a day")
def one_user_plays_all(source_dsn, tmp_path):
    """So many plays by one user are warned of, and so many more tracks than on other days stop the day."""
    at = after_a_week(source_dsn, tmp_path, 50_000, user="7", track="i")
    assert {each.name: each.outcome for each in data_checks(at, DAY)}["most plays by one user"] == "warn"
    with refused(DataRefused, "tracks: 50,000 tracks"):
        check_data(at, DAY, SIGNED)


@case(28, "10,000 new accounts that play one track each")
def invented_accounts(source_dsn, tmp_path):
    """So many more listeners than on other days stop the day."""
    at = after_a_week(source_dsn, tmp_path, 10_000, user="1000 + i", track="7000 + i % 3")
    with refused(DataRefused, "listeners: 10,000 listeners, 200.00 times the median of 7 days before (50)"):
        check_data(at, DAY, SIGNED)


@case(29, "a private session")
def private_session(source_dsn):
    """Its rows are counted and never leave the source; what is not known to be public is private."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70, NOON, LONG, True), (2, 7, 71, NOON, LONG, None), (3, 7, 72)])
    found = extract(source_dsn)
    assert (triples(found), found.dropped["private"]) == ([(7, 72, 1)], 2)


@case(30, "a playlist that is to be excluded")
def excluded_playlist(source_dsn):
    """A view leaves it out, or gives it as private, and then it is counted (``source.py`` says so)."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70), (2, 7, 71)])
    columns = "event_id, user_id, track_id, streamed_at, ms_played, private_session OR track_id = 71 AS private_session"
    execute(source_dsn, f"CREATE VIEW plays AS SELECT {columns} FROM streams")
    found = extract(source_dsn, streams_table="plays")
    assert (triples(found), found.dropped["private"]) == ([(7, 70, 1)], 1)


@case(31, "a skip after less than 30 seconds")
def skip(source_dsn):
    """It is no play (``source.min_ms_played`` says so): dropped and counted as short; 30 seconds are one."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70, NOON, 29_999), (2, 7, 71, NOON, 30_000)])
    found = extract(source_dsn)
    assert (triples(found), found.dropped["short"]) == ([(7, 71, 1)], 1)


@case(32, "a column that nobody knows")
def unknown_column(source_dsn, tmp_path):
    """It is not read and changes nothing (``source.py`` says so)."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70)])
    at = service(source_dsn, tmp_path)
    before = extract_streams(at, DAY).partition
    execute(source_dsn, "ALTER TABLE streams ADD mood text NOT NULL DEFAULT 'canary'")
    assert extract_streams(at, DAY).partition == before


@case(33, "a column that is missing")
def missing_column(source_dsn, tmp_path):
    """It is refused before a row is read, with the columns that there are."""
    create_streams(source_dsn)
    execute(source_dsn, "ALTER TABLE streams RENAME ms_played TO milliseconds")
    at = service(source_dsn, tmp_path)
    with refused(SourceMismatch, "streams has no column ms_played; it has", "milliseconds", "Correct source.ms_played"):
        extract_streams(at, DAY)
    assert at.partitions.days() == []


@case(34, "a column whose type has changed")
def changed_type(source_dsn):
    """It is refused, with the setting that fits the new type."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70)])
    execute(source_dsn, "ALTER TABLE streams ALTER user_id TYPE text")
    with refused(SourceMismatch, "Column user_id of streams is text", 'Set source.user_id_type = "text"'):
        extract(source_dsn)


@case(35, "a table that is missing, or may not be read")
def no_table(source_dsn):
    """Each is refused in words of its own: tables of a like name, or the GRANT that is lacking."""
    with refused(SourceMismatch, "no table or view streams", "Correct source.streams_table"):
        extract(source_dsn)
    create_streams(source_dsn)
    role = f"nobody_{uuid.uuid4().hex[:12]}"
    execute(source_dsn, f"CREATE ROLE {role} LOGIN")
    try:
        with refused(SourceMismatch, f"Role {role} may not read", f'GRANT SELECT ON "public"."streams" TO {role};'):
            extract(source_dsn.replace("postgres:@", f"{role}@"))
    finally:
        with suppress(psycopg2.Error):
            execute(source_dsn, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@case(36, "a view that sends more rows than it counts")
def growing_view(source_dsn):
    """The day is refused with both numbers; no part of it is kept."""
    create_streams(source_dsn)
    insert(source_dsn, [(1, 7, 70), (2, 7, 71)])
    asked = "coalesce(nullif(current_setting('test.asked', true), ''), '0')::int + 1"
    execute(
        source_dsn,
        "CREATE FUNCTION times() RETURNS int VOLATILE LANGUAGE sql AS "
        f"$$ SELECT set_config('test.asked', ({asked})::text, false)::int $$",
        "CREATE VIEW plays AS SELECT streams.* FROM streams, generate_series(1, 3 - times())",  # twice, then once,
    )
    with refused(SourceUnavailable, "counted 2 qualified streams of 2024-03-10 and sent 4", "look at the view"):
        extract(source_dsn, streams_table="plays")
