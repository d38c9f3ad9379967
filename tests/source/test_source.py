"""What becomes of each row of the source: kept once, or dropped under the first reason that holds."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from conftest import execute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_tables import DAY, HOSTILE, LONG, NOON, config, create_streams, extract, insert, triples

from recsys_tasks.partitions.extracted_day import REASONS
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.extract import extract_day


class TestReasons:
    def test_every_reason_at_once(self, source_dsn: str) -> None:
        """Each reason counts its own rows, and the rows of the day are all accounted for."""
        create_streams(source_dsn)
        insert(source_dsn, [
            (1, 7, 70), (2, 7, 70), (3, 5, 71), (2, 7, 70), (4, 7, 70, NOON, LONG, True), (5, None, 70), (6, 7, None),
            (7, 7, 70, NOON, 29_999), (8, 7, 70, NOON - timedelta(days=1)), (9, 7, 72, NOON, 30_000),
        ])  # fmt: skip
        found = extract(source_dsn)
        assert triples(found) == [(5, 71, 1), (7, 70, 2), (7, 72, 1)]
        assert (found.rows_read, found.rows_kept) == (9, 4)
        assert found.dropped == {"private": 1, "null_id": 2, "short": 1, "duplicate": 1}

    def test_unknown_privacy_and_length(self, source_dsn: str) -> None:
        """A stream not known to be public counts as private, and one of unknown length as short."""
        create_streams(source_dsn)
        insert(source_dsn, [(1, 7, 70, NOON, LONG, None), (2, 7, 70, NOON, None, False)])
        assert extract(source_dsn).dropped == {"private": 1, "null_id": 0, "short": 1, "duplicate": 0}

    def test_several_reasons_hold(self, source_dsn: str) -> None:
        """Of several reasons the first in the order decides, so that no row is counted twice."""
        create_streams(source_dsn)
        insert(source_dsn, [(1, 7, 70)])
        dropped = dict.fromkeys(REASONS, 0)
        for user, length, private in ((None, 5, True), (None, 5, False), (7, 5, False), (7, LONG, False)):
            insert(source_dsn, [(1, user, 70, NOON, length, private)])
            dropped[REASONS[sum(dropped.values())]] += 1
            assert extract(source_dsn).dropped == dropped

    def test_empty_day(self, source_dsn: str) -> None:
        """A day without rows is an answer of zeros, not an error: the caller decides."""
        create_streams(source_dsn)
        found = extract(source_dsn)
        assert (triples(found), found.rows_read, found.dropped) == ([], 0, dict.fromkeys(REASONS, 0))
        assert (found.counts.user_ids.type, found.counts.track_ids.type) == (pa.int64(), pa.int64())

    def test_columns_that_do_not_exist(self, source_dsn: str) -> None:
        """Without columns for event, length and privacy every row qualifies, and duplicates go by instant."""
        execute(
            source_dsn,
            'CREATE SCHEMA "My Music"',
            'CREATE TABLE "My Music"."Plays" ("who?" smallint, "what""it" integer, "when" timestamptz, extra text)',
            f"""INSERT INTO "My Music"."Plays" VALUES (-1, 2, '{NOON}'), (-1, 2, '{NOON}'), (-1, 3, '{NOON}')""",
        )
        names = {"user_id": "who?", "track_id": 'what"it', "streamed_at": "when", "streams_table": "My Music.Plays"}
        found = extract(source_dsn, event_id=None, ms_played=None, private_session=None, **names)
        assert triples(found) == [(-1, 2, 1), (-1, 3, 1)]
        assert found.dropped == {"private": 0, "null_id": 0, "short": 0, "duplicate": 1}


class TestDuplicates:
    def test_same_event_delivered_twice(self, source_dsn: str) -> None:
        """Rows of one event id count once; where they disagree the first pair stays, whatever came first."""
        for rows in ([(1, 9, 70), (1, 7, 71), (1, 7, 70)], [(1, 7, 70), (1, 7, 71), (1, 9, 70)]):
            execute(source_dsn, "DROP TABLE IF EXISTS streams")
            create_streams(source_dsn)
            insert(source_dsn, rows)
            found = extract(source_dsn)
            assert (triples(found), found.dropped["duplicate"]) == ([(7, 70, 1)], 2)

    def test_other_event_at_the_same_instant(self, source_dsn: str) -> None:
        """Equal user, track and instant under two event ids are two streams, and one where no id is configured."""
        create_streams(source_dsn)
        insert(source_dsn, [(1, 7, 70), (2, 7, 70), (3, 7, 70, NOON + timedelta(microseconds=1))])
        assert triples(extract(source_dsn)) == [(7, 70, 3)]
        assert triples(extract(source_dsn, event_id=None)) == [(7, 70, 2)]

    @pytest.mark.parametrize(("kind", "empty"), [("bigint", None), ("text", None), ("text", ""), ("uuid", None)])
    def test_event_without_id(self, source_dsn: str, kind: str, empty: str | None) -> None:
        """Rows without an event id are compared by user, track and instant, among themselves only."""
        create_streams(source_dsn, event=kind)
        known = "00000000-0000-0000-0000-000000000001" if kind == "uuid" else "1"
        insert(source_dsn, [(empty, 7, 70), (empty, 7, 70), (empty, 7, 71), (empty, 8, 70), (known, 7, 70)])
        found = extract(source_dsn)
        assert triples(found) == [(7, 70, 2), (7, 71, 1), (8, 70, 1)]
        assert found.dropped["duplicate"] == 1


class TestIds:
    def test_hostile_text(self, source_dsn: str) -> None:
        """Text ids come back byte for byte, in the order of their UTF-8 bytes; an empty one is no id."""
        create_streams(source_dsn, user="text", track="varchar", event="text")
        insert(source_dsn, [(each, each, each) for each in HOSTILE] + [("e1", "", "t"), ("e2", "u", "")])
        found = extract(source_dsn, user_id_type="text", track_id_type="text")
        ordered = sorted(HOSTILE, key=lambda text: text.encode())
        assert triples(found) == [(each, each, 1) for each in ordered]
        assert found.dropped["null_id"] == 2

    def test_uuid(self, source_dsn: str) -> None:
        """A uuid comes back as its text in lower case, in order."""
        create_streams(source_dsn, user="uuid", track="uuid")
        users = ["FFFFFFFF-0000-4000-8000-00000000000A", "0fffffff-0000-4000-8000-00000000000b"]
        insert(source_dsn, [(number, user, users[0]) for number, user in enumerate(users)])
        found = extract(source_dsn, user_id_type="uuid", track_id_type="uuid")
        assert triples(found) == [(user.lower(), users[0].lower(), 1) for user in sorted(users)]
        assert found.counts.user_ids.type == pa.string()

    @pytest.mark.parametrize("users", [2**29, 2**31, 2**31 + 1, 2**61, 2**62])
    @pytest.mark.parametrize("tracks", [2**29, 2**32, 2**61, 2**62])
    def test_integers_at_the_edge_of_one_number(self, source_dsn: str, users: int, tracks: int) -> None:
        """Pairs stay themselves where user and track just fit in one number of 64 bits, and where they do not."""
        create_streams(source_dsn)
        corners = [(user, track) for user in (0, users - 1) for track in (0, tracks - 1)]
        insert(source_dsn, [(number, *each) for number, each in enumerate(reversed(corners))])
        assert triples(extract(source_dsn)) == [(*each, 1) for each in corners]

    def test_largest_integers(self, source_dsn: str) -> None:
        """The whole range of bigint passes, negative ids first."""
        create_streams(source_dsn)
        edges = [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1]
        insert(source_dsn, [(each, each, each) for each in reversed(edges)])
        assert triples(extract(source_dsn)) == [(each, each, 1) for each in edges]


class TestDays:
    @pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati", "Europe/Berlin", "Asia/Kolkata"])
    def test_role_of_another_zone(self, source_dsn: str, postgres: Any, zone: str) -> None:
        """Each hour of the days around a clock change lies in one UTC day, whatever the role's own time zone."""
        create_streams(source_dsn)
        local = [datetime(2024, 3, 31, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2024, 3, 10, tzinfo=UTC)]
        instants = [day.astimezone(UTC) + timedelta(hours=hour) for day in local for hour in range(-24, 49)]
        insert(source_dsn, [(number, 7, 70, instant) for number, instant in enumerate(instants)])
        expected = Counter(instant.date() for instant in instants)
        database = source_dsn.split("/")[3].split("?")[0]
        execute(source_dsn, f"ALTER ROLE postgres IN DATABASE {database} SET TimeZone = '{zone}'",
                f"ALTER ROLE postgres IN DATABASE {database} SET DateStyle = 'SQL, DMY'")  # fmt: skip
        with Source(source_dsn, config(event_id=None)) as source:
            found = {day: extract_day(source, day).rows_read for day in expected}
            assert (source.first_day(), source.last_day()) == (min(expected), max(expected))
        assert found == expected

    def test_edges_of_the_day(self, source_dsn: str) -> None:
        """Midnight belongs to the day that begins with it."""
        create_streams(source_dsn)
        start, tick = datetime(2024, 3, 10, tzinfo=UTC), timedelta(microseconds=1)
        edges = [start - tick, start, start + timedelta(days=1) - tick, start + timedelta(days=1)]
        insert(source_dsn, [(number, number, 70, edge) for number, edge in enumerate(edges)])
        assert triples(extract(source_dsn)) == [(1, 70, 1), (2, 70, 1)]

    def test_hour_that_comes_twice(self, source_dsn: str) -> None:
        """Half past two, twice in the night of the clock change, is two streams."""
        create_streams(source_dsn)
        zones = [timezone(timedelta(hours=hours)) for hours in (1, 2)]
        insert(source_dsn, [(None, 7, 70, datetime(2024, 10, 27, 2, 30, tzinfo=zone)) for zone in zones])
        assert triples(extract(source_dsn, day=date(2024, 10, 27))) == [(7, 70, 2)]

    def test_instants_of_no_day(self, source_dsn: str) -> None:
        """Null and infinite instants lie in no day and are counted for the whole source; far years lie in their own."""
        create_streams(source_dsn)
        strange = [
            None,
            "infinity",
            "-infinity",
            "1970-01-01 00:00Z",
            "9999-12-31 23:59Z",
            "12000-01-01",
            "0044-03-15 BC",
        ]
        insert(source_dsn, [(number, 7, 70, instant) for number, instant in enumerate(strange)])
        with Source(source_dsn, config()) as source:
            assert extract_day(source, DAY).rows_read == 0
            assert source.unusable_instants() == 5
            assert (source.first_day(), source.last_day()) == (date(1970, 1, 1), date.max)
            assert extract_day(source, date.max).rows_kept == 1
            assert not source.has_begun(DAY, datetime(2030, 1, 1, tzinfo=UTC))

    def test_watermark(self, source_dsn: str) -> None:
        """Five listeners make a day begin, from its own midnight on; an empty source has none, and no days."""
        create_streams(source_dsn)
        midnight = datetime(2024, 3, 10, tzinfo=UTC)
        with Source(source_dsn, config()) as source:
            assert not source.has_begun(DAY, NOON)
            assert (source.first_day(), source.last_day(), source.unusable_instants()) == (None, None, 0)
            insert(source_dsn, [(user, user, 70, midnight, 5, True) for user in range(5)])
            assert source.has_begun(DAY, NOON)
            assert not source.has_begun(DAY + timedelta(days=1), NOON + timedelta(days=1))

    def test_watermark_of_a_clock_that_runs_ahead(self, source_dsn: str) -> None:
        """No day begins by what one listener's device writes, by what nobody can have played yet, or by what lies days
        ahead."""
        create_streams(source_dsn)
        insert(source_dsn, [(event, 7, 70, NOON + timedelta(minutes=event)) for event in range(300)])
        with Source(source_dsn, config()) as source:
            assert not source.has_begun(DAY, NOON + timedelta(days=1)), "one listener"
            insert(source_dsn, [(1000 + user, user, 70, NOON + timedelta(hours=8)) for user in range(50)])
            assert not source.has_begun(DAY, NOON + timedelta(hours=7)), "nobody has played that yet"
            assert not source.has_begun(DAY - timedelta(days=2), NOON + timedelta(days=1)), "beyond 48 hours"
            assert source.has_begun(DAY, NOON + timedelta(hours=9))
            assert source.has_begun(DAY - timedelta(days=1), NOON + timedelta(days=1))


def _reference(rows: list[tuple[Any, ...]], by_event: bool) -> tuple[list[tuple[Any, Any, int]], dict[str, int]]:
    """The rules in plain Python, row by row."""
    dropped = dict.fromkeys(REASONS, 0)
    seen: dict[Any, tuple[Any, Any]] = {}
    for event, user, track, instant, length, private in rows:
        if private is not False:
            dropped["private"] += 1
        elif user in (None, "") or track in (None, ""):
            dropped["null_id"] += 1
        elif length is None or length < 30_000:
            dropped["short"] += 1
        else:
            key = ("event", event) if by_event and event is not None else (user, track, instant)
            dropped["duplicate"] += key in seen
            seen[key] = min(seen.get(key, (user, track)), (user, track))
    plays = Counter(seen.values())
    return [(user, track, plays[user, track]) for user, track in sorted(plays)], dropped


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 60),
    by_event=st.booleans(),
    text=st.booleans(),
    apart=st.tuples(*[st.sampled_from([1, 2**40, 2**61])] * 2),
)
def test_rules_in_plain_python(
    source_dsn: str, seed: int, size: int, by_event: bool, text: bool, apart: tuple[int, int]
) -> None:
    """On random small worlds, full of nulls and repetitions, of ids near or far apart, it says what the rules say."""
    draw = random.Random(seed)
    texts: list[Any] = ["", "b", "a", "\u00e9", None]
    users, tracks = ([None, 3 * each, -each, each] for each in apart)
    rows = [
        (
            draw.choice([None, *range(-4 * apart[0], 4 * apart[0], apart[0])]),
            draw.choice(texts if text else users),
            draw.choice(texts if text else tracks),
            NOON + timedelta(seconds=draw.randrange(2)),
            draw.choice([None, 29_999, 30_000, LONG]),
            draw.choice([False, False, False, True, None]),
        )
        for _ in range(size)
    ]
    kind = "text" if text else "bigint"
    execute(source_dsn, "DROP TABLE IF EXISTS streams")
    create_streams(source_dsn, user=kind, track=kind)
    if rows:
        insert(source_dsn, rows)
    fields: dict[str, Any] = {} if by_event else {"event_id": None}
    found = extract(source_dsn, user_id_type=kind, track_id_type=kind, **fields)
    assert (triples(found), found.dropped) == _reference(rows, by_event)
