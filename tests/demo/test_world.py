"""The synthetic music service: the same from the same numbers, like real listening, with a truth one can score."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg2
import pytest
from conftest import execute
from implicit.als import AlternatingLeastSquares
from scipy import sparse

from recsys_tasks.core.errors import ConfigError, SourceMismatch, SourceUnavailable
from recsys_tasks.demo.world import (
    PRESETS,
    World,
    WorldParams,
    build_world,
    day_streams,
    load_truth,
    oracle_precision,
    oracle_scores,
    realism,
    realism_of,
    save_truth,
    write_world,
)
from recsys_tasks.demo.world.names import artist_names, titles
from recsys_tasks.demo.world.taste import CHANCE, CHARTS, draw, market_of, tastes
from recsys_tasks.demo.world.write import binary_rows

TINY = WorldParams(users=200, tracks=600, days=4, seed=5)
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def tiny() -> World:
    """A world that takes no time."""
    return build_world(TINY)


@pytest.fixture(scope="module")
def small() -> World:
    """The preset for tests."""
    return build_world(PRESETS["small"])


def day_of(world: World, index: int):
    """The date of a day of a world."""
    return world.params.start + timedelta(days=index)


def rows_of(world: World, index: int) -> bytes:
    """The rows of a day as they go to PostgreSQL."""
    return binary_rows(day_streams(world, day_of(world, index))).tobytes()


def qualified(world: World, days: range) -> tuple[np.ndarray, np.ndarray]:
    """User and track of each play that counts: public, 30 seconds, once."""
    users, tracks = [], []
    for index in days:
        streams = day_streams(world, day_of(world, index))
        counts = (streams.ms_played >= 30_000) & ~streams.private
        _, once = np.unique(streams.event_id[counts], return_index=True)
        users.append(streams.user_id[counts][once])
        tracks.append(streams.track_id[counts][once])
    return np.concatenate(users), np.concatenate(tracks)


def fetch(dsn: str, statement: str) -> list[tuple]:
    """All rows of a query."""
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


class TestSameNumbers:
    def test_the_same_seed_gives_the_same_rows(self, tiny):
        """Every day of a world built a second time has the same bytes."""
        again = build_world(TINY)
        assert [rows_of(again, day) for day in range(4)] == [rows_of(tiny, day) for day in range(4)]

    def test_another_seed_gives_another_world(self, tiny):
        """The seed decides the rows."""
        assert rows_of(build_world(replace(TINY, seed=6)), 2) != rows_of(tiny, 2)

    def test_a_day_generated_alone_is_the_same_day(self, tiny):
        """The last day does not depend on whether the days before it were generated first, nor how often."""
        alone = rows_of(build_world(TINY), 3)
        assert alone == rows_of(tiny, 3) == rows_of(tiny, 3)

    def test_the_truth_is_kept_as_its_parameters(self, tiny, tmp_path):
        """A world read back from its JSON gives the same rows and the same probabilities."""
        save_truth(TINY, tmp_path / "truth.json")
        again = build_world(load_truth(tmp_path / "truth.json"))
        users, day = np.arange(1, 20), day_of(tiny, 2)
        assert rows_of(again, 1) == rows_of(tiny, 1)
        np.testing.assert_array_equal(oracle_scores(again, users, day)[1], oracle_scores(tiny, users, day)[1])

    @pytest.mark.parametrize(
        "wrong",
        [{"users": 0}, {"tracks": 3}, {"days": 0}, {"seed": -1}, {"plays": float("nan")}, {"start": date(1, 1, 1)}],
    )
    def test_an_impossible_size_is_refused(self, wrong):
        """A world that cannot be made says which number is wrong."""
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            replace(TINY, **wrong)

    def test_a_broken_truth_file_is_refused(self, tmp_path):
        """A file of something else is a configuration error, not a stack trace."""
        (tmp_path / "truth.json").write_text('{"users": 9}')
        with pytest.raises(ConfigError, match=r"truth\.json"):
            load_truth(tmp_path / "truth.json")


class TestLog:
    def test_every_instant_lies_within_its_day(self, small):
        """No stream of day D is stamped with another UTC date, at full microsecond resolution."""
        for index in range(small.params.days):
            streams = day_streams(small, day_of(small, index))
            midnight = int(datetime.combine(day_of(small, index), datetime.min.time(), UTC).timestamp()) * 1_000_000
            since = streams.streamed_at - midnight
            assert since.min() >= 0
            assert since.max() < DAY_US
            assert np.unique(since % 1000).size > 900

    def test_some_events_are_delivered_twice(self, small):
        """A repeated event id is the same row in every field, and the share of them is small but not zero."""
        streams = day_streams(small, day_of(small, 3))
        _, first, copies = np.unique(streams.event_id, return_index=True, return_inverse=True)
        for name in ("user_id", "track_id", "streamed_at", "ms_played", "private"):
            values = getattr(streams, name)
            np.testing.assert_array_equal(values, values[first][copies])
        assert 0.001 < 1 - len(first) / len(streams) < 0.01

    def test_event_ids_of_two_days_never_meet(self, small):
        """An event id names one event in the whole log."""
        one, two = (day_streams(small, day_of(small, index)).event_id for index in (4, 5))
        assert not np.intersect1d(one, two).size

    def test_private_sessions_and_skips_are_among_the_rows(self, small):
        """There is something for the qualification rule to leave out, and most rows pass it."""
        streams = day_streams(small, day_of(small, 3))
        assert 0.01 < streams.private.mean() < 0.2
        assert 0.05 < (streams.ms_played < 30_000).mean() < 0.3

    def test_a_bot_plays_all_day_and_leaves_as_soon_as_it_counts(self, small):
        """Bots stand out by volume and by plays barely over 30 seconds."""
        bots = np.flatnonzero(small.listeners.bot) + 1
        streams = day_streams(small, day_of(small, 3))
        of_bot = np.isin(streams.user_id, bots)
        assert of_bot.sum() > 100 * len(bots)
        assert streams.ms_played[of_bot].max() < 33_000

    def test_tracks_come_out_every_day_and_are_not_played_before(self, small):
        """Each day releases about one per cent of the catalogue, and nobody plays a track before its release."""
        out = [small.catalogue.released_by(index) for index in range(-1, small.params.days)]
        assert 0.3 < np.diff(out).mean() / (0.01 * small.params.tracks) < 1.7
        assert np.diff(out).min() > 0
        for index in range(small.params.days):
            assert day_streams(small, day_of(small, index)).track_id.max() <= out[index + 1]

    def test_only_what_was_heard_out_in_public_is_repeated(self, tiny):
        """Each entry of a library is a qualified play of its day, so that a new play is always a draw of the taste."""
        user, day = np.divmod(tiny.library.key, tiny.params.days)
        tracks = tiny.catalogue.track_ids[tiny.library.track]
        for index in range(tiny.params.days):
            entries = zip(user[day == index] + 1, tracks[day == index], strict=True)
            assert set(entries) <= set(zip(*qualified(tiny, range(index, index + 1)), strict=True))

    def test_listeners_arrive_on_the_way(self, small):
        """Some listeners play their first stream after the first day, in the order of their ids."""
        joined = small.listeners.joined
        assert 0.8 < (joined == 0).mean() < 0.95
        late = day_streams(small, day_of(small, 1)).user_id
        assert late.max() <= (joined <= 1).sum()

    def test_weekends_and_evenings_are_busier(self, small):
        """Saturday has more streams than the days before it, and 20:00 more than 03:00."""
        sizes = [len(day_streams(small, day_of(small, index))) for index in range(7)]
        assert sizes[5] > np.mean(sizes[:4])
        hours = np.bincount(day_streams(small, day_of(small, 2)).streamed_at // 3_600_000_000 % 24, minlength=24)
        assert hours[20] > 3 * hours[3]

    def test_names_are_many_and_not_only_ascii(self, small):
        """No two artists share a name, few titles repeat, and other scripts occur."""
        params, catalogue = small.params, small.catalogue
        artists, songs = artist_names(params, catalogue), titles(params, catalogue)
        assert len(set(artists)) == len(artists) == len(catalogue.artist_first) - 1
        assert len(set(songs)) > 0.75 * len(songs)
        assert 0.02 < np.mean([not name.isascii() for name in artists + songs]) < 0.6


class TestRealism:
    def test_a_world_looks_like_listening(self):
        """Repeats, Gini and the share of the loudest tracks of a smaller demo lie where real logs have them."""
        world = build_world(WorldParams(users=4_000, tracks=8_000, days=14, seed=3))
        assert realism_of(*qualified(world, range(14))).outside() == []

    def test_a_log_without_structure_is_told_apart(self):
        """Users who play tracks at random are outside of all three bounds."""
        rng = np.random.default_rng(1)
        figures = realism_of(rng.integers(0, 1000, 20_000), rng.integers(0, 2000, 20_000))
        assert figures.outside() == ["repeats", "gini", "top_share"]

    def test_figures_of_a_hand_made_log(self):
        """Three plays of one track by one listener and one play of another: half of the plays are repeats."""
        figures = realism_of(np.array([1, 1, 1, 2]), np.array([7, 7, 7, 8]))
        assert (figures.repeats, figures.gini, figures.top_share) == (0.5, 0.25, 0.75)

    def test_the_database_says_the_same_as_the_arrays(self, tiny, source_dsn):
        """Duplicates, skips and private sessions are left out by the query as they are in memory."""
        write_world(source_dsn, tiny)
        assert realism(source_dsn) == realism_of(*qualified(tiny, range(4)))


class TestOracle:
    def test_rows_are_probabilities_of_tracks_that_are_out(self, tiny):
        """Every listener's row sums to one over the ids 1 to the number released by that day."""
        track_ids, scores = oracle_scores(tiny, np.arange(1, 201), day_of(tiny, 2))
        assert len(track_ids) == tiny.catalogue.released_by(2) == scores.shape[1]
        np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-9)
        assert scores.min() >= 0

    def test_the_oracle_says_what_the_generator_does(self, tiny):
        """A million draws of one listener's taste fall on the tracks as often as the oracle says."""
        market = market_of(tiny.catalogue, 2)
        person = np.array([17])
        taste = tastes(tiny.listeners, tiny.catalogue, market, person, 2)
        n = 1_000_000
        rows, _ = draw(taste, market, np.zeros(n, np.int64), np.random.default_rng(3))
        expected = oracle_scores(tiny, person + 1, day_of(tiny, 2))[1][0] * n
        seen = np.bincount(tiny.catalogue.track_ids[rows] - 1, minlength=len(expected))
        often = expected > 20
        z = (seen[often] - expected[often]) / np.sqrt(expected[often])
        assert len(seen) == len(expected)
        assert 0.8 < z.std() < 1.2

    def test_tastes_drift(self, tiny):
        """The same listener likes other things a month later, beyond what is new."""
        far = build_world(replace(TINY, days=40))
        users = np.arange(200)
        weights = [
            tastes(far.listeners, far.catalogue, market_of(far.catalogue, day), users, day).weights for day in (0, 39)
        ]
        moved = np.abs(weights[1] - weights[0]).sum(axis=1) / 2
        assert 0.05 < np.median(moved) < 0.6

    def test_tastes_are_no_low_rank_product(self, small):
        """Forty dimensions explain clearly less than all of the probabilities."""
        scores = oracle_scores(small, np.arange(1, 1201), day_of(small, 5))[1]
        energy = np.linalg.svd(scores, compute_uv=False) ** 2
        assert 0.5 < energy[:40].sum() / energy.sum() < 0.97

    def test_a_hit_counts_one_over_k(self, tiny):
        """Hidden plays on the oracle's own first choice give 1 / k; on a played track, or none, nothing."""
        users, day, none = np.arange(1, 51), day_of(tiny, 2), np.empty(0, np.int64)
        track_ids, scores = oracle_scores(tiny, users, day)
        best, place = track_ids[scores.argmax(axis=1)], np.arange(50)
        assert oracle_precision(tiny, day, users, (none, none), (place, best), k=10) == pytest.approx(0.1)
        assert oracle_precision(tiny, day, users, (place, best), (place, best), k=10) == 0.0
        assert oracle_precision(tiny, day, users, (none, none), (none, none), k=10) == 0.0

    def test_popularity_is_beaten_by_als_and_als_by_the_oracle(self, small):
        """On new plays of the last day: the oracle is clearly above ALS, and ALS clearly above popularity."""
        users, tracks = qualified(small, range(11))
        now = np.stack(qualified(small, range(11, 12)))
        n_users, n_tracks = small.params.users + 1, len(small.catalogue) + 1
        plays = sparse.csr_matrix((np.ones(len(users)), (users, tracks)), shape=(n_users, n_tracks))
        new = np.unique(now[:, np.asarray(plays[now[0], now[1]] == 0).ravel()], axis=1)
        judged = np.unique(new[0])
        hidden = (np.searchsorted(judged, new[0]), new[1])
        played = tuple(part.astype(np.int64) for part in plays[judged].nonzero())
        truth = oracle_precision(small, day_of(small, 11), judged, played, hidden)
        model = AlternatingLeastSquares(factors=16, regularization=10, alpha=1, iterations=10, random_state=1)
        model.fit((plays.astype(np.float32).log1p() * 1.0 + (plays > 0)).tocsr(), show_progress=False)
        scores = model.user_factors[judged] @ model.item_factors.T
        learned = _precision(scores, played, hidden)
        popular = _precision(np.tile(np.bincount(plays.indices, minlength=n_tracks), (len(judged), 1)), played, hidden)
        assert popular > 0.005
        assert 1.4 * popular < learned < 0.85 * truth


def _precision(scores: np.ndarray, played: tuple, hidden: tuple) -> float:
    """precision@10 of the best unplayed tracks."""
    scores = scores.astype(float)
    scores[played] = -np.inf
    hits = np.zeros(scores.shape, bool)
    hits[hidden] = True
    top = np.argpartition(-scores, 10, axis=1)[:, :10]
    return float(np.take_along_axis(hits, top, axis=1).mean())


class TestWrite:
    def test_the_database_holds_exactly_the_generated_rows(self, tiny, source_dsn):
        """Every field of every row arrives, and the counts reported are those of the tables."""
        written = write_world(source_dsn, tiny)
        expected = []
        for index in range(4):
            s = day_streams(tiny, day_of(tiny, index))
            expected += zip(s.event_id, s.user_id, s.track_id, s.streamed_at, s.ms_played, s.private, strict=True)
        found = fetch(
            source_dsn,
            "SELECT event_id, user_id, track_id, (extract(epoch FROM streamed_at) * 1000000)::bigint, ms_played, "
            "private_session FROM streams",
        )
        assert sorted(found) == sorted(expected)
        for table, count in written.items():
            assert fetch(source_dsn, f"SELECT count(*) FROM {table}") == [(count,)]

    def test_every_streamed_track_has_a_name_and_was_out(self, tiny, source_dsn):
        """The catalogue covers the log, and its release dates are not after the first stream."""
        write_world(source_dsn, tiny)
        bad = "SELECT count(*) FROM streams LEFT JOIN tracks USING (track_id) WHERE title IS NULL OR artist IS NULL "
        assert fetch(source_dsn, bad + "OR album IS NULL OR released_on > streamed_at::date") == [(0,)]

    def test_days_can_be_added_in_order_only(self, tiny, source_dsn):
        """Two halves give the same database as the whole; a day twice or a day left out is refused."""
        write_world(source_dsn, tiny, last=2)
        with pytest.raises(ConfigError, match="in order"):
            write_world(source_dsn, tiny, first=3)
        write_world(source_dsn, tiny, first=2)
        with pytest.raises(ConfigError, match="in order"):
            write_world(source_dsn, tiny, first=2)
        digest = "SELECT md5(string_agg({0}::text, '|' ORDER BY {0}::text)) FROM {0}"
        halves = [fetch(source_dsn, digest.format(table)) for table in ("streams", "tracks", "albums", "artists")]
        write_world(source_dsn, tiny, replace=True)
        assert halves == [fetch(source_dsn, digest.format(t)) for t in ("streams", "tracks", "albums", "artists")]

    def test_tables_with_rows_are_never_dropped_unasked(self, tiny, source_dsn):
        """Somebody's own streams survive a world made at the wrong address."""
        execute(source_dsn, "CREATE TABLE streams (mine text)", "INSERT INTO streams VALUES ('precious')")
        with pytest.raises(ConfigError, match="--replace"):
            write_world(source_dsn, tiny)
        assert fetch(source_dsn, "SELECT * FROM streams") == [("precious",)]

    def test_an_empty_table_of_another_shape_is_told(self, tiny, source_dsn):
        """A streams table with other columns is a mismatch that names the column."""
        execute(source_dsn, "CREATE TABLE streams (user_id text)")
        with pytest.raises(SourceMismatch, match="user_id"):
            write_world(source_dsn, tiny)

    def test_an_interrupted_world_leaves_nothing(self, tiny, source_dsn):
        """When the second day fails, neither tables nor rows of the first one remain."""

        def fail(line: str) -> None:
            if "2026-01-06" in line:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_world(source_dsn, tiny, progress=fail)
        assert fetch(source_dsn, "SELECT to_regclass('streams')") == [(None,)]

    def test_progress_names_every_day(self, tiny, source_dsn):
        """Whoever waits sees which day is being written."""
        lines: list[str] = []
        write_world(source_dsn, tiny, progress=lines.append)
        assert [line.split(":")[0] for line in lines[1:]] == [day_of(tiny, index).isoformat() for index in range(4)]

    @pytest.mark.parametrize(
        ("dsn", "error"),
        [
            (None, ConfigError),
            ("nonsense", ConfigError),
            ("postgresql:///x?host=/nonexistent&connect_timeout=2", SourceUnavailable),
        ],
    )
    def test_no_database_is_one_line(self, tiny, dsn, error):
        """A missing, wrong or dead address is told apart in one line."""
        with pytest.raises(error) as caught:
            write_world(dsn, tiny)
        assert "\n" not in str(caught.value)

    def test_a_range_outside_the_world_is_refused(self, tiny):
        """Days that the world does not have are refused before anything is opened."""
        with pytest.raises(ConfigError, match="range"):
            write_world("unused", tiny, first=2, last=9)
        with pytest.raises(ConfigError, match="has no"):
            day_streams(tiny, day_of(tiny, 4))

    def test_parts_of_a_taste_that_are_not_out_have_no_weight(self, tiny):
        """A draw never falls on a track before its release, whatever part it comes from."""
        market = market_of(tiny.catalogue, 0)
        taste = tastes(tiny.listeners, tiny.catalogue, market, np.arange(200), 0)
        rows, parts = draw(taste, market, np.repeat(np.arange(200), 300), np.random.default_rng(1))
        assert (tiny.catalogue.release_day[rows] <= 0).all()
        assert {CHARTS, CHANCE} < set(parts.tolist())
