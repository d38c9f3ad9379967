"""Deliveries: made once a release, loaded once, the newest after a rollback, and without whoever shall be forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import execute, fetch
from pages_store import change_names
from settings import SIGNED, config
from source_tables import create_streams

from recsys_tasks.core.errors import BadData
from recsys_tasks.repositories.deliveries import POSTGRES, STORE
from recsys_tasks.steps import Workplace, retain, roll_back, set_pin
from recsys_tasks.steps.deliver import load_delivery, make_delivery
from recsys_tasks.steps.suppress import ask_to_suppress
from recsys_tasks.storage.posix import PosixStore

K = 10


def delivering(copied, **products):
    """A store whose configuration delivers."""
    tables = {"deliver": {"products": ["discover", "popular"], "batch_listeners": 500}, "products": {"k": K} | products}
    features = {products["origin"]: "from"} if "origin" in products else {}
    return Workplace(copied.store, config(**tables, catalogue={"features": features}), copied.dsn)


@pytest.fixture
def at(copied):
    """A store of three released days whose configuration delivers."""
    return delivering(copied)


def deliver(at, dsn, **options):
    """Both halves of a delivery."""
    return load_delivery(at, make_delivery(at, SIGNED), dsn, SIGNED, **options)


def stored(at, made, product="discover"):
    """The rows of a stored product."""
    artefact = at.deliveries.open(made.delivery, product)
    return [row for name in sorted(artefact.manifest.files) for row in _rows(artefact.file(name))]


def _rows(file):
    return [tuple(row.values()) for row in pq.read_table(file).to_pylist()]


def test_nobody_is_delivered_what_they_do_not_want(copied, source_dsn):
    """A listener marks the first track of their list in the source: the next delivery has it for everybody else."""
    create_streams(source_dsn)
    execute(source_dsn, "CREATE TABLE unwanted (user_id bigint, track_id bigint)")
    before = stored(delivering(copied), make_delivery(delivering(copied), SIGNED))
    user, track = before[0][0], before[0][2]
    execute(source_dsn, f"INSERT INTO unwanted VALUES ({user}, {track})")
    at = replace(delivering(copied, never_again_table="unwanted"), dsn=source_dsn)
    after = stored(at, make_delivery(at, SIGNED))
    assert len(after) == len(before)
    assert (user, track) not in {(row[0], row[2]) for row in after}
    assert {row[0] for row in after if row[2] == track} >= {row[0] for row in before if row[2] == track} - {user}


class TestOnce:
    def test_the_table_holds_what_is_stored_sorted_by_listener(self, at, source_dsn):
        """Store and sink have the same rows; each list is full, ranked from 1, and of tracks not played before."""
        outcome = deliver(at, source_dsn)
        rows = fetch(source_dsn, "SELECT * FROM discover ORDER BY user_id, rank")
        assert [(*row[:3], pytest.approx(row[3]), *row[4:]) for row in rows] == stored(at, outcome.made)
        assert [row[1] for row in rows] == list(range(1, K + 1)) * (len(rows) // K)
        assert {row[5] for row in rows} == {3}
        assert fetch(source_dsn, "SELECT count(*) FROM popular WHERE segment = 'all'") == [(K,)]
        bundle = at.bundles.load(at.releases.log().require_live())
        row = bundle.users.ids.index(rows[0][0]).as_py()
        played = bundle.gated.tracks.ids.take(bundle.users.cols[slice(*bundle.users.indptr[row : row + 2])])
        assert not {row[2] for row in rows[:K]} & set(played.to_pylist())
        assert {row[4] for row in rows[:K]} <= {None, *played.to_pylist()}

    def test_every_product_goes_the_same_way(self, copied, source_dsn):
        """New releases are new and of full rank, no artist is related to itself, and all tables are of one release."""
        names = ["discover", "new_releases", "popular", "related_artists"]
        at = Workplace(copied.store, config(deliver={"products": names}, products={"k": K}), copied.dsn)
        figures = deliver(at, source_dsn).made.figures
        assert sorted(figures) == names
        assert figures["new_releases"]["new_tracks"] == 1
        counts = {name: fetch(source_dsn, f"SELECT count(*), min(release) FROM {name}") for name in names}
        assert counts == {name: [(figures[name]["rows"], 3)] for name in names}
        assert fetch(source_dsn, "SELECT count(*) FROM related_artists WHERE artist_id = related_id") == [(0,)]

    def test_a_second_run_does_nothing(self, at, source_dsn):
        """What is stored is found, what the sink holds is not loaded again, unless a person says so."""
        first = deliver(at, source_dsn)
        table = "SELECT oid FROM pg_class WHERE relname = 'discover'"
        before = fetch(source_dsn, table)
        second = deliver(at, source_dsn)
        assert (first.delivered, second.delivered) == (True, False)
        assert "was in schema public" in second.reason
        assert fetch(source_dsn, table) == before
        assert deliver(at, source_dsn, again=True).delivered
        assert fetch(source_dsn, table) != before
        assert [record.kind for record in at.deliveries.records()] == [STORE, POSTGRES]

    def test_without_products_nothing_is_made(self, copied, source_dsn):
        """The default: no delivery, no table, and a sentence that says what to configure."""
        outcome = deliver(copied, source_dsn)
        assert not outcome.delivered
        assert "name products in [deliver]" in outcome.reason
        assert not copied.store.holds("deliveries")

    def test_before_the_first_release_there_is_nothing_to_do(self, tmp_path, source_dsn):
        """The hourly look of a new installation is skipped, not red."""
        outcome = deliver(
            Workplace(PosixStore(tmp_path / "new"), config(deliver={"products": ["popular"]})), source_dsn
        )
        assert (outcome.delivered, outcome.reason) == (False, "nothing has been published yet")

    def test_without_a_sink_it_lies_in_the_store(self, at):
        """Delivered once, to the store alone."""
        assert deliver(at, None).delivered
        assert not deliver(at, None).delivered

    def test_a_pin_is_no_other_release(self, at):
        """Who holds what is live changes nothing that anybody gets."""
        made = make_delivery(at, SIGNED)
        set_pin(at, True, SIGNED)
        assert make_delivery(at, SIGNED) == replace(made, made=False, reason="release 3 was delivered before")


def test_popular_tracks_are_delivered_of_each_segment(copied, source_dsn):
    """Counted among its own listeners; one that is too small has no list, and strangers count nowhere."""
    create_streams(source_dsn)
    users = copied.bundles.load(copied.releases.log().require_live()).users
    every = users.ids.to_pylist()
    rows = [(user, "SE") for user in every[:200]] + [(user, "PT") for user in every[200:299]] + [(10**12, "SE")]
    execute(source_dsn, "CREATE TABLE accounts (id bigint, country text)")
    values = ", ".join(f"({user}, '{country}')" for user, country in [*rows, ("NULL", "SE")])
    execute(source_dsn, f"INSERT INTO accounts VALUES {values}")
    named = {"segments_table": "accounts", "segments_user_id": "id", "segments_column": "country"}
    at = replace(delivering(copied, **named, most_of_one_artist=0), dsn=source_dsn)
    made = make_delivery(at, SIGNED)
    popular = stored(at, made, "popular")
    assert [row[0] for row in popular] == ["SE"] * K + ["all"] * K
    listeners = np.bincount(users.cols[: users.indptr[200]])
    assert [row[3] for row in popular[:K]] == sorted(listeners.tolist(), reverse=True)[:K]
    assert made.figures["popular"] == {"rows": 2 * K, "segments": 2}
    deliver(at, source_dsn)
    assert fetch(source_dsn, "SELECT segment, count(*) FROM popular GROUP BY 1 ORDER BY 1") == [("SE", K), ("all", K)]


def test_a_segment_that_is_called_as_everybody_is_refused(copied, source_dsn):
    """Two lists would stand under one name."""
    create_streams(source_dsn)
    execute(
        source_dsn, "CREATE TABLE accounts (user_id bigint, segment text)", "INSERT INTO accounts VALUES (1, 'all')"
    )
    at = replace(delivering(copied, segments_table="accounts"), dsn=source_dsn)
    with pytest.raises(BadData, match="another name"):
        make_delivery(at, SIGNED)


class TestRollback:
    def test_it_is_delivered_as_the_newest_and_the_one_before_is_kept(self, at, source_dsn):
        """What is live again is in the table; a slow delivery of the release that was taken back changes nothing."""
        slow = make_delivery(at, SIGNED)
        load_delivery(at, slow, source_dsn, SIGNED)
        roll_back(at, 2, SIGNED)
        assert deliver(at, source_dsn).delivered
        assert fetch(source_dsn, "SELECT DISTINCT release FROM discover") == [(2,)]
        assert fetch(source_dsn, "SELECT DISTINCT release FROM discover_previous") == [(3,)]
        late = load_delivery(at, slow, source_dsn, SIGNED, again=True)
        assert (late.delivered, late.reason.split(" is in")[0]) == (False, "a newer delivery, of release 2,")
        assert fetch(source_dsn, "SELECT DISTINCT release FROM discover") == [(2,)]

    @pytest.mark.parametrize(("deliveries", "again"), [(1, False), (0, True)])
    def test_what_was_shown_is_not_listed_again(self, copied, deliveries, again):
        """Of the deliveries that the configuration counts; the figures say how much is repeated."""
        at = delivering(copied, without_shown_deliveries=deliveries)
        first = make_delivery(at, SIGNED)
        roll_back(at, 2, SIGNED)
        second = make_delivery(at, SIGNED)
        both = [{row[:3:2] for row in stored(at, made)} for made in (first, second)]
        share = len(both[0] & both[1]) / len(both[1])
        assert (share > 0) == again
        assert second.figures["discover"]["repeats"]["last"] == pytest.approx(share, abs=1e-6)
        assert "last" not in first.figures["discover"]["repeats"]

    def test_new_releases_that_were_shown_are_counted(self, copied):
        """They may stand on the next list, and the figures say how much of it is repeated."""
        tables = {"deliver": {"products": ["discover", "new_releases"]}, "products": {"k": K}}
        at = Workplace(copied.store, config(**tables), copied.dsn)
        first = make_delivery(at, SIGNED)
        roll_back(at, 2, SIGNED)
        second = make_delivery(at, SIGNED)
        both = [{row[:3:2] for row in stored(at, made, "new_releases")} for made in (first, second)]
        share = len(both[0] & both[1]) / len(both[1])
        assert 0 < share == pytest.approx(second.figures["new_releases"]["repeats"]["last"], abs=1e-6)
        assert first.figures["new_releases"]["repeats"] == {}

    def test_countries_are_counted_where_the_catalogue_has_them(self, copied):
        """Tracks come from two countries by turns, and some from nobody knows where."""

        def known(table):
            countries = [("SE", "PT", None)[n % 3] for n in range(len(table))]
            return table.append_column("born", pa.array(countries))

        change_names(copied, known)
        at = delivering(copied, origin="born")
        made = make_delivery(at, SIGNED)
        cols = at.bundles.load(at.releases.log().require_live()).gated.tracks.rows_of
        rows = stored(at, made)
        country = np.asarray(cols(pa.array([row[2] for row in rows]))) % 3
        seen = {(row[0], int(each)) for row, each in zip(rows, country, strict=True) if each < 2}
        figures = made.figures["discover"]
        assert figures["countries_a_list"] == pytest.approx(len(seen) / figures["listed"], abs=1e-4)
        assert (
            make_delivery(delivering(copied, origin="nowhere"), SIGNED).figures["discover"]["countries_a_list"] is None
        )


class TestExploration:
    def test_showings_and_plays_of_before_are_counted_and_reported_by_themselves(self, copied, source_dsn):
        """New tracks are in the last places, with propensities; what was played since it was shown is told of both
        kinds of places, and a delivery that does not explore has no such column."""
        at = delivering(copied, exploration_share=0.2)
        roll_back(at, 1, SIGNED)
        first = make_delivery(at, SIGNED)
        roll_back(at, 3, SIGNED)
        second = deliver(at, source_dsn).made
        bundle = at.bundles.load(at.releases.log().require_live())
        users, tracks = (ids.to_pylist() for ids in (bundle.users.ids, bundle.gated.tracks.ids))
        bounds = zip(bundle.users.indptr, bundle.users.indptr[1:], strict=False)
        own = {user: {tracks[c] for c in bundle.users.cols[a:b]} for user, (a, b) in zip(users, bounds, strict=True)}
        shown = stored(at, first)
        counted = second.figures["discover"]["exploration"]["before"]
        for kind, rows in (
            ("explored", [row for row in shown if row[-1] is not None]),
            ("ranked", [row for row in shown if row[-1] is None]),
        ):
            played = sum(row[2] in own.get(row[0], ()) for row in rows)
            assert counted[kind] == {"shown": len(rows), "played": played}
        assert counted["explored"]["shown"] > 100
        assert counted["ranked"]["played"] > 0
        drawn = fetch(source_dsn, "SELECT rank, propensity FROM discover WHERE propensity IS NOT NULL")
        assert {rank for rank, _ in drawn} == {9, 10}
        assert len(drawn) == second.figures["discover"]["exploration"]["places"]
        plain = make_delivery(delivering(copied), SIGNED)
        assert "exploration" not in plain.figures["discover"]
        assert len(stored(at, plain)[0]) == len(shown[0]) - 1


class TestForgotten:
    def test_nobody_who_shall_be_forgotten_is_delivered(self, at, source_dsn):
        """From the request on; and the tables of before, which hold the person, are not kept."""
        first = deliver(at, source_dsn)
        user = stored(at, first.made)[0][0]
        ask_to_suppress(at, str(user), "erase", SIGNED)
        second = deliver(at, source_dsn)
        assert second.delivered
        assert user not in {row[0] for row in stored(at, second.made)}
        assert fetch(source_dsn, f"SELECT count(*) FROM discover WHERE user_id = {user}") == [(0,)]
        assert fetch(source_dsn, "SELECT to_regclass('discover_previous')") == [(None,)]

    def test_an_erasure_rewrites_what_is_stored(self, at):
        """The person goes out of every delivery, everybody else stays; the search that follows finds nothing."""
        made = make_delivery(at, SIGNED)
        before = stored(at, made)
        user = before[0][0]
        ask_to_suppress(at, str(user), "erase", SIGNED)
        erased = retain(at, datetime.now(UTC)).erased
        assert (erased.removed, erased.left) == (1, ())
        (name,) = at.deliveries.names()
        assert name != made.delivery
        assert stored(at, replace(made, delivery=name)) == [row for row in before if row[0] != user]
        assert make_delivery(at, SIGNED).made, "the next run makes what the sink has to get"


def test_retention_keeps_the_newest(copied):
    """As many as the configuration says, and those that new lists are held against."""
    tables = {"deliver": {"products": ["popular"], "keep": 1}, "products": {"without_shown_deliveries": 1}}
    at = Workplace(copied.store, config(**tables), copied.dsn)
    for release in (3, 2, 3, 1):
        if release != at.releases.log().require_live().release:
            roll_back(at, release, SIGNED)
        make_delivery(at, SIGNED)
    newest = at.deliveries.names()[-2:]
    retain(at, datetime.now(UTC) + timedelta(days=5))
    assert at.deliveries.names() == newest


def test_a_killed_delivery_is_swept_by_the_next(at):
    """Temporary files whose writer is gone go away before anything new is written."""
    left = at.store.root / ".tmp" / "gone"
    left.mkdir(parents=True)
    (left / "discover-001.parquet").write_bytes(b"half")
    make_delivery(at, SIGNED)
    assert not left.exists()


def test_a_table_that_is_not_ours_is_never_touched(at, source_dsn):
    """The delivery is stored, the sink refuses, and says what to do."""
    from recsys_tasks.core.errors import SinkRefused

    execute(source_dsn, "CREATE TABLE discover (mine int)", "INSERT INTO discover VALUES (1)")
    with pytest.raises(SinkRefused, match="was not made by a delivery, and is not touched"):
        deliver(at, source_dsn)
    assert fetch(source_dsn, "SELECT mine FROM discover") == [(1,)]
