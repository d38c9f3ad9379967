"""The sink: the old tables or the new ones, rights carried over, nobody else's table touched, and clear refusals."""

from contextlib import closing
from dataclasses import replace
from threading import Thread

import psycopg2
import pyarrow as pa
import pytest
from conftest import execute, fetch
from psycopg2.extensions import make_dsn

from recsys_tasks.core.errors import ConfigError, SinkRefused, SinkUnavailable
from recsys_tasks.delivery.marker import Marker
from recsys_tasks.delivery.products import DISCOVER, POPULAR, PRODUCTS, TRACK, USER
from recsys_tasks.delivery.sink import LOADED, OVERTAKEN, THERE, Patience, Sink
from recsys_tasks.delivery.tables import Rows

FIRST = Marker("store", 1, 1, "digest 1", "nobody", "2026-01-16T00:00:00+00:00")
IDS = {USER: pa.int64(), TRACK: pa.string()}
READER, WRITER = "recsys_test_reader", "recsys_test_writer"
AT_ONCE = Patience(lock_ms=20, tries=2, pause_s=0.01)


def nobody_follows(_message):
    """The progress of a test."""


def release(number):
    """The marker of a release."""
    return replace(FIRST, entry=number, release=number, delivery=f"digest {number}")


def rows(number, product=DISCOVER, tracks=("a", 'b, "x"\n', "")):
    """A few rows of a release, with all that a text may hold."""
    schema = PRODUCTS[product].schema(IDS)
    lists = {"user_id": [1, 1, 2], "segment": ["all", "all", "other"], "rank": [1, 2, 1], "track_id": list(tracks)}
    lists |= {"score": [0.5, 0.25, 1e-8], "reason": ["", None, "\\N"], "release": [number] * 3}
    table = pa.table({name: lists[name] for name in schema.names}, schema=schema)
    return Rows(schema, table.to_batches, len(table))


def load(dsn, number, *products, patience=AT_ONCE, **marked):
    """A delivery of a release."""
    tables = {product: rows(number, product) for product in products or (DISCOVER,)}
    return Sink(dsn, "public", patience).load(tables, replace(release(number), **marked), nobody_follows)


def shown(dsn, table="discover"):
    """Which release a table is of."""
    return [number for (number,) in fetch(dsn, f"SELECT DISTINCT release FROM {table}")]


def as_role(dsn, role):
    """The same database as another role."""
    return make_dsn(dsn, user=role)


@pytest.fixture
def roles(source_dsn):
    """A role that may make tables and one that may only be granted something, in a database of their own."""
    with closing(psycopg2.connect(source_dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for role in (READER, WRITER):
            cursor.execute(f"CREATE ROLE {role} LOGIN")
        cursor.execute(f"GRANT ALL ON SCHEMA public TO {WRITER}")
    yield source_dsn
    execute(source_dsn, *(f"DROP OWNED BY {role} CASCADE" for role in (READER, WRITER)))
    execute(source_dsn, *(f"DROP ROLE {role}" for role in (READER, WRITER)))


class TestSwap:
    def test_what_was_handed_over_is_there_to_the_letter(self, source_dsn):
        """Empty texts, nulls, quotes, line breaks, small scores; the key is a key, and the planner has statistics."""
        assert load(source_dsn, 1).outcome == LOADED
        found = fetch(source_dsn, "SELECT * FROM discover ORDER BY 1, 2")
        assert [row[:3] for row in found] == [(1, 1, "a"), (1, 2, 'b, "x"\n'), (2, 1, "")]
        assert [row[4] for row in found] == ["", None, "\\N"]
        assert [row[3] for row in found] == pytest.approx([0.5, 0.25, 1e-8])
        assert fetch(source_dsn, "SELECT reltuples FROM pg_class WHERE relname = 'discover'") == [(3.0,)]
        with pytest.raises(psycopg2.errors.UniqueViolation):
            execute(source_dsn, "INSERT INTO discover SELECT * FROM discover")

    def test_uuids_are_uuids(self, source_dsn):
        """A service whose ids are uuids can compare them with its own columns."""
        ids = [f"00000000-0000-0000-0000-00000000000{n}" for n in range(3)]
        made = replace(rows(1, tracks=ids), uuids=frozenset({"track_id"}))
        Sink(source_dsn, "public").load({DISCOVER: made}, FIRST, nobody_follows)
        assert fetch(source_dsn, "SELECT DISTINCT pg_typeof(track_id)::text FROM discover") == [("uuid",)]

    def test_all_products_change_together_and_the_ones_before_are_kept(self, source_dsn):
        """One previous table of each, of the delivery before; nothing else is left."""
        for number in (1, 2, 3):
            load(source_dsn, number, DISCOVER, POPULAR)
        assert [shown(source_dsn, name) for name in ("discover", "popular")] == [[3], [3]]
        assert [shown(source_dsn, f"{name}_previous") for name in ("discover", "popular")] == [[2], [2]]
        tables = fetch(source_dsn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables == [(4,)]

    def test_an_older_delivery_replaces_nothing(self, source_dsn):
        """Whoever was overtaken is told so, and by what; the same delivery is found."""
        load(source_dsn, 2)
        late = load(source_dsn, 1)
        assert (late.outcome, late.newest.release, shown(source_dsn)) == (OVERTAKEN, 2, [2])
        assert load(source_dsn, 2, at="later").outcome == THERE

    def test_what_somebody_must_be_forgotten_from_is_not_kept(self, source_dsn):
        """The list of the forgotten has changed: the table of before holds one of them."""
        load(source_dsn, 1)
        load(source_dsn, 2, forgotten="somebody")
        assert fetch(source_dsn, "SELECT to_regclass('discover_previous')") == [(None,)]

    def test_a_reader_sees_one_release_at_a_time(self, source_dsn):
        """Both tables are asked in one snapshot, again and again, while releases change."""
        load(source_dsn, 1, DISCOVER, POPULAR)
        seen, going = set(), [True]

        def read():
            while going[0]:
                others = "(SELECT max(release) FROM popular)"
                seen.update(fetch(source_dsn, f"SELECT max(release), {others}, count(*) FROM discover"))

        reader = Thread(target=read)
        reader.start()
        for number in range(2, 8):
            load(source_dsn, number, DISCOVER, POPULAR, patience=Patience())
        going[0] = False
        reader.join()
        assert {(one, one, 3) for one, _, _ in seen} == seen

    def test_a_failure_on_the_way_leaves_the_table_of_before(self, source_dsn):
        """A row that breaks the key: nothing of the delivery is there, and no row is repeated in the message."""
        load(source_dsn, 1)
        twice = rows(2, tracks=("secret track",) * 3)
        doubled = replace(twice, batches=lambda: twice.batches() * 2)
        with pytest.raises(SinkRefused, match="unique_violation") as refused:
            Sink(source_dsn, "public").load({DISCOVER: doubled}, release(2), nobody_follows)
        assert "secret" not in str(refused.value)
        assert shown(source_dsn) == [1]
        assert fetch(source_dsn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


class TestRights:
    def test_grants_and_owner_are_those_of_the_table_before(self, roles):
        """On the table, on a column, with the right to hand on, for everybody; none that is given by default."""
        load(roles, 1)
        execute(
            roles,
            f"GRANT SELECT ON discover TO {READER} WITH GRANT OPTION",
            "GRANT SELECT (track_id) ON discover TO PUBLIC",
            f"ALTER TABLE discover OWNER TO {WRITER}",
            f"ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO {READER}",
        )
        rights = """SELECT pg_get_userbyid(c.relowner),
            (SELECT array_agg(a::text ORDER BY 1) FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner),
            (SELECT attacl::text FROM pg_attribute WHERE attrelid = c.oid AND attname = 'track_id')
            FROM pg_class c WHERE relname = 'discover'"""
        before = fetch(roles, rights)
        load(roles, 2)
        assert fetch(roles, rights) == before
        assert fetch(as_role(roles, READER), "SELECT max(release) FROM discover") == [(2,)]

    def test_the_right_to_make_tables_suffices(self, roles):
        """A role with nothing but a schema delivers, and delivers again."""
        dsn = as_role(roles, WRITER)
        assert [load(dsn, number).outcome for number in (1, 2)] == [LOADED, LOADED]

    @pytest.mark.parametrize(
        ("before", "said"),
        [
            ((f"REVOKE CREATE ON SCHEMA public FROM {WRITER}",), "lets this role make no table in schema public"),
            (("DROP SCHEMA public CASCADE",), "has no schema public"),
            ((f"ALTER ROLE {WRITER} SET default_transaction_read_only = on",), "is read-only"),
        ],
    )
    def test_a_right_that_is_missing_is_named(self, roles, before, said):
        """What the role lacks, and the statement that gives it."""
        execute(roles, *before)
        with pytest.raises(SinkRefused, match=said):
            load(as_role(roles, WRITER), 1)

    def test_a_table_of_another_role_is_not_replaced(self, roles):
        """The message says whose it is."""
        load(roles, 1)
        with pytest.raises(SinkRefused, match="belongs to postgres"):
            load(as_role(roles, WRITER), 2)
        assert shown(roles) == [1]


class TestNotOurs:
    @pytest.mark.parametrize(
        "made",
        [
            "CREATE TABLE discover (mine int)",
            "CREATE VIEW discover AS SELECT 1 AS mine",
            "CREATE TABLE discover_previous (mine int)",
            "CREATE SEQUENCE discover_next",
        ],
    )
    def test_what_a_delivery_did_not_make_stays(self, source_dsn, made):
        """Table, view or sequence, under any of our names."""
        execute(source_dsn, made)
        with pytest.raises(SinkRefused, match="was not made by a delivery, and is not touched"):
            load(source_dsn, 1)

    @pytest.mark.parametrize(
        ("done", "said"),
        [
            ("CREATE VIEW theirs AS SELECT * FROM discover", "is read by the view public.theirs"),
            ("ALTER TABLE discover ENABLE ROW LEVEL SECURITY", "has row-level security"),
            ("ALTER TABLE discover RENAME TO discover_next", "discover_next stands in the way"),
        ],
    )
    def test_what_a_swap_would_break_is_refused(self, source_dsn, done, said):
        """A view that would go on reading old rows, a filter that would be gone, a table renamed by hand."""
        load(source_dsn, 1)
        execute(source_dsn, done)
        with pytest.raises(SinkRefused, match=said):
            load(source_dsn, 2)

    def test_tables_of_another_store_are_not_replaced(self, source_dsn):
        """Two services that were given one schema do not overwrite each other in turn."""
        load(source_dsn, 1)
        with pytest.raises(SinkRefused, match="is of another store"):
            load(source_dsn, 2, store="other")


class TestUnavailable:
    def test_a_server_that_is_not_there_is_named_without_its_password(self):
        """To be retried; the address stands in the message, the password does not."""
        with pytest.raises(SinkUnavailable, match=r"database d at 127\.0\.0\.1:1") as refused:
            load("postgresql://u:s3cret@127.0.0.1:1/d", 1)
        assert "s3cret" not in str(refused.value)

    def test_an_address_that_is_none_is_a_slip_of_the_configuration(self):
        """It is not retried."""
        with pytest.raises(ConfigError, match="The address of the sink"):
            load("nonsense", 1)

    def test_who_holds_the_table_is_waited_for_and_then_told(self, source_dsn):
        """A long transaction: the delivery gives up after its patience, and goes through once it is over."""
        load(source_dsn, 1)
        with closing(psycopg2.connect(source_dsn)) as held:
            held.cursor().execute("SELECT * FROM discover")
            with pytest.raises(SinkUnavailable, match="holds a table"):
                load(source_dsn, 2)
        assert shown(source_dsn) == [1]
        assert load(source_dsn, 2).outcome == LOADED

    def test_two_deliveries_at_once_do_not_mix(self, source_dsn):
        """The second is turned away while the first is at work."""
        first = rows(1)

        def meanwhile():
            with pytest.raises(SinkUnavailable, match="Another delivery is at work"):
                load(source_dsn, 2)
            return first.batches()

        Sink(source_dsn, "public").load({DISCOVER: replace(first, batches=meanwhile)}, release(1), nobody_follows)
        assert shown(source_dsn) == [1]
