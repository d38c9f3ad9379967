"""What deliveries keep holds in the service too: marks, what was shown before, related artists."""

from datetime import UTC, datetime
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest
from conftest import execute
from processes import wait_for
from served import served
from settings import SIGNED, config, damage
from source_tables import create_hours, create_segments, create_streams

from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.products.products import Products
from recsys_tasks.repositories.deliveries import HOURS, NEVER_AGAIN, SHOWN
from recsys_tasks.serving.delivered import DeliveryNames, hours_of
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace, roll_back
from recsys_tasks.steps.deliver import make_delivery
from recsys_tasks.steps.erase import erase_people
from recsys_tasks.steps.suppress import ask_to_suppress

K, NOW = 10, datetime(2026, 1, 17, tzinfo=UTC)


def delivering(copied, dsn=None, products=("discover",), **settings):
    """A store whose configuration delivers, and keeps what was shown and the lists."""
    kept = {"keep_shown": True, "keep_lists": True}
    tables = {"deliver": {"products": list(products)} | kept, "products": {"k": K} | settings}
    return Workplace(copied.store, config(**tables), dsn or copied.dsn)


def stored(at, made, product="discover"):
    """Listener -> tracks of the stored lists."""
    artefact = at.deliveries.open(made.delivery, product)
    lists = {}
    for name in sorted(artefact.manifest.files):
        for row in pq.read_table(artefact.file(name)).to_pylist():
            lists.setdefault(row["user_id"], []).append(str(row["track_id"]))
    return lists


def listed(service, user, name="discover", asked=f"k={K}"):
    """The tracks that the service lists for a listener."""
    return [place["track_id"] for place in service.get(f"/v1/listeners/{user}/{name}?{asked}").json()["tracks"]]


def n_delivered(service):
    """Answers that came out of a delivery so far."""
    lines = service.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("recsys_answers_delivered_total")).split()[1])


class TestDiscover:
    @pytest.fixture
    def marked(self, copied, source_dsn):
        """Two deliveries, of which the second leaves out what the first showed; the first listener marked a track that
        would have stood on the second list, without the rest of its artist."""
        create_streams(source_dsn)
        execute(source_dsn, "CREATE TABLE unwanted (user_id bigint, track_id bigint)")
        make_delivery(delivering(copied), SIGNED)
        roll_back(copied, 2, SIGNED)
        plain = delivering(copied, without_shown_deliveries=1)
        lists = stored(plain, make_delivery(plain, SIGNED))
        user, tracks = next(iter(lists.items()))
        execute(source_dsn, f"INSERT INTO unwanted VALUES ({user}, {tracks[0]})")
        return delivering(copied, source_dsn, never_again_table="unwanted", without_shown_deliveries=1), user, tracks

    def test_it_is_the_delivered_list(self, marked):
        """For every listener asked, of the release that is live, without a way to the source: what is marked or was
        shown before stands on no list."""
        at, user, tracks = marked
        lists = stored(at, make_delivery(at, SIGNED))
        assert tracks[0] not in lists[user]
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            some = [user, *list(lists)[1::97]]
            assert [listed(service, each) for each in some] == [lists[each] for each in some]
            assert n_delivered(service) == len(some)

    def test_a_delivery_that_comes_later_is_taken_up(self, marked):
        """The release that answers stays, its tag does not: what a client holds is older than the marks."""
        at, user, tracks = marked
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            path = f"/v1/listeners/{user}/discover?k={K}"
            before = service.get(path)
            assert tracks[0] in listed(service, user)
            make_delivery(at, SIGNED)
            held = {"If-None-Match": before.headers["etag"]}
            assert wait_for(lambda: service.get(path, headers=held).status_code == 200)
            assert tracks[0] not in listed(service, user)
            assert service.get(path).json()["release"] == before.json()["release"]

    def test_a_first_delivery_has_shown_nothing_before(self, copied):
        """It keeps no arrays, of which nothing could be mapped, and the service lists what it delivered."""
        at = delivering(copied)
        made = make_delivery(at, SIGNED)
        assert f"{SHOWN}.npy" not in at.deliveries.manifest(made.delivery).files
        user, tracks = next(iter(stored(at, made).items()))
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            assert listed(service, user) == tracks

    def test_a_damaged_delivery_stops_no_release(self, marked):
        """The service answers from the release alone, and says what is wrong."""
        at, user, _ = marked
        made = make_delivery(at, SIGNED)
        file = at.store.root / made.delivery / f"{SHOWN}.npy"
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[:-4])
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            assert len(listed(service, user)) == K
            assert any(event == "failed" and SHOWN in text for event, text in service.told)

    def test_an_erasure_leaves_neither_marks_nor_rows(self, marked):
        """The person's marks go, and the arrays by row too, for the rows are others then."""
        at, user, _ = marked
        made = make_delivery(at, SIGNED)
        assert f"{SHOWN}.npy" in at.deliveries.manifest(made.delivery).files
        ask_to_suppress(at, str(user), "erase", SIGNED)
        erase_people(at, NOW)
        manifests = {name: at.deliveries.manifest(name).files for name in at.deliveries.names()}
        assert not [name for name, files in manifests.items() if any(file.endswith(".npy") for file in files)]
        (name,) = (name for name, files in manifests.items() if f"{NEVER_AGAIN}.parquet" in files)
        assert name != made.delivery
        marks = at.deliveries.open(name).table(NEVER_AGAIN)
        assert user not in marks["user_id"].to_pylist()


class TestKeptLists:
    def test_what_is_delivered_is_what_is_served(self, copied):
        """Tracks, scores and reasons as they are made without a delivery, of Discover and new releases, alone and in a
        batch; a shorter list is the beginning of the delivered one."""
        at = delivering(copied, products=["discover", "new_releases"])
        users = at.bundles.load(at.releases.log().require_live()).users.ids.to_pylist()[::211]
        paths = [f"/v1/listeners/{user}/{name}" for user in users for name in ("discover", "new-releases")]
        body = {"listeners": [*users, "1000000000"]}

        def said():
            with served(at.store, at.config.products) as service:
                assert wait_for(service.is_ready)
                alone = [service.get(path).json() for path in paths]
                short = [service.get(f"{path}?k=3").json()["tracks"] for path in paths]
                counted = n_delivered(service)
                return alone, service.http.post("/v1/batch/discover", json=body).json()["lists"], short, counted

        made, made_together, _, nothing = said()
        lists = stored(at, make_delivery(at, SIGNED))
        kept, kept_together, short, counted = said()
        assert (made, made_together, nothing) == (kept, kept_together, 0)
        assert counted == 2 * len(paths)
        assert [place["track_id"] for place in kept[0]["tracks"]] == lists[users[0]]
        assert short == [one["tracks"][:3] for one in kept]

    def test_new_tracks_stand_where_the_delivery_drew_them(self, copied):
        """By what became of earlier showings, which a delivery alone counts: a list that is made draws without them."""
        at = delivering(copied, exploration_share=0.2)
        for release in (1, 3):
            roll_back(at, release, SIGNED)
            lists = stored(at, make_delivery(at, SIGNED))
        some = list(lists)[::50]
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            assert {user: listed(service, user) for user in some} == {user: lists[user] for user in some}
            made = {user: listed(service, user, asked=f"k={K}&available=false") for user in some}
        assert {user: tracks[: K - 2] for user, tracks in made.items()} == {user: lists[user][: K - 2] for user in some}
        assert made != {user: lists[user] for user in some}

    def test_whatever_else_is_asked_for_is_made(self, copied):
        """A longer list, a filter, or a service whose settings are others: they hold, and the log says of the last."""
        at = delivering(copied)
        user, tracks = next(iter(stored(at, make_delivery(at, SIGNED)).items()))
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            assert len(listed(service, user, asked=f"k={K + 5}")) == K + 5
            assert listed(service, user, asked=f"k={K}&available=false") == tracks
            assert n_delivered(service) == 0
        with served(at.store, at.config.products.model_copy(update={"most_of_one_artist": 1})) as service:
            assert wait_for(service.is_ready)
            places = service.get(f"/v1/listeners/{user}/discover?k={K}").json()["tracks"]
            assert len({place["artist"] for place in places}) == K
            assert [event for event, _ in service.told].count("made") == 1

    def test_a_mark_that_is_newer_than_the_lists_holds(self, copied, source_dsn):
        """What is live was delivered before its listener marked a track; the delivery of another release since knows of
        the mark. The list of this listener is made, and full; the next one's is the delivered one."""
        create_streams(source_dsn)
        execute(source_dsn, "CREATE TABLE unwanted (user_id bigint, track_id bigint)")
        at = delivering(copied, source_dsn, never_again_table="unwanted")
        first = make_delivery(at, SIGNED)
        (user, tracks), (other, others) = list(stored(at, first).items())[:2]
        execute(source_dsn, f"INSERT INTO unwanted VALUES ({user}, {tracks[0]})")
        roll_back(at, 2, SIGNED)
        make_delivery(at, SIGNED)
        roll_back(at, 3, SIGNED)
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            assert listed(service, other) == others
            found = listed(service, user)
            assert n_delivered(service) == 1
        assert len(found) == K
        assert tracks[0] not in found

    def test_similar_tracks(self, copied):
        """Each track's nearest of all, which no search could find more of; a longer list is looked for."""
        at = delivering(copied, products=["similar_tracks"])
        made = make_delivery(at, SIGNED)
        artefact = at.deliveries.open(made.delivery, "similar_tracks")
        rows = pq.read_table(artefact.file("similar_tracks-001.parquet")).to_pylist()
        assert made.figures["similar_tracks"]["rows"] == len(rows) == K * made.figures["similar_tracks"]["listed"]
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            for first in range(0, len(rows), 97 * K):
                wanted = [str(row["similar_id"]) for row in rows[first : first + K]]
                said = service.get(f"/v1/tracks/{rows[first]['track_id']}/similar?k={K}").json()["tracks"]
                assert [place["track_id"] for place in said] == wanted
                assert {place["because"]["track_id"] for place in said} == {str(rows[first]["track_id"])}
            counted = n_delivered(service)
            assert len(service.get(f"/v1/tracks/{rows[0]['track_id']}/similar?k={K + 1}").json()["tracks"]) == K + 1
            assert n_delivered(service) == counted > 0

    def test_damage_leaves_the_release_answering(self, copied):
        """Lists that differ from their checksums are not served: the same lists are made, and the log says why."""
        at = delivering(copied)
        made = make_delivery(at, SIGNED)
        user, tracks = next(iter(stored(at, made).items()))
        damage(at.store.root / made.delivery / "discover_cols.npy")
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            assert (listed(service, user), n_delivered(service)) == (tracks, 0)
            assert any(event == "failed" and "discover_cols" in text for event, text in service.told)


class TestPopular:
    @pytest.fixture
    def segmented(self, copied, source_dsn):
        """A store that delivers popular tracks of two segments."""
        create_streams(source_dsn)
        users = copied.bundles.load(copied.releases.log().require_live()).users.ids.to_pylist()
        create_segments(source_dsn, users)
        return delivering(copied, source_dsn, ["popular"], segments_table="accounts")

    def test_of_a_segment_they_are_the_delivered_ones(self, segmented):
        """Of each segment by its name, in their order; filters hold; a segment without a list is refused by name, and
        without the parameter all listeners count."""
        at = segmented
        artefact = at.deliveries.open(make_delivery(at, SIGNED).delivery, "popular")
        rows = pq.read_table(artefact.file("popular-001.parquet")).to_pylist()
        wanted = {each: [str(row["track_id"]) for row in rows if row["segment"] == each] for each in ("PT", "SE")}
        assert wanted["PT"] != wanted["SE"]
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            assert {each: popular(service, segment=each) for each in wanted} == wanted
            assert popular(service, segment="SE", released_after="2100-01-01") == []
            assert popular(service, k=K) == [str(row["track_id"]) for row in rows if row["segment"] == "all"]
            refused = service.get("/v1/popular?segment=XX")
            assert (refused.status_code, "segment 'XX'" in refused.json()["detail"]) == (404, True)


class TestHours:
    @pytest.fixture
    def clocked(self, copied, source_dsn):
        """A store whose source tells when tracks are played."""
        create_streams(source_dsn)
        tracks = copied.bundles.load(copied.releases.log().require_live()).gated.tracks.ids.to_pylist()
        create_hours(source_dsn, tracks)
        return delivering(copied, source_dsn, hours_table="hours", hours_weight=3.0)

    def test_a_list_for_an_hour_is_made_by_what_the_delivery_knows(self, clocked):
        """As the library makes it, one listener or many; without an hour the delivered list stands, and before the
        delivery, or on another list, an hour is refused."""
        at = clocked
        users = at.bundles.load(at.releases.log().require_live()).users.ids.to_pylist()[::211]
        path = f"/v1/listeners/{users[0]}/discover?hour=8"
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            refused = service.get(path)
            assert (refused.status_code, "hours_table" in refused.json()["detail"]) == (422, True)
            lists = stored(at, made := make_delivery(at, SIGNED))
            assert wait_for(lambda: service.get(path).status_code == 200)
            opened = Reader(at.store, settings=at.config.products).opened
            counts = at.deliveries.opened(made.delivery, [f"{HOURS}.npy"]).array(HOURS)
            products = Products(opened.bundle, at.config.products, hours=counts)
            for hour in (8, 23):
                found = products.discover([products.row(user) for user in users], K, hour=hour).cols
                ids = opened.bundle.gated.tracks.ids
                wanted = [[str(ids[int(col)].as_py()) for col in row] for row in found]
                assert [listed(service, user, asked=f"k={K}&hour={hour}") for user in users] == wanted
                body = {"listeners": users, "hour": hour, "k": K}
                together = service.http.post("/v1/batch/discover", json=body).json()["lists"]
                assert [[place["track_id"] for place in each["tracks"]] for each in together] == wanted
            assert [listed(service, user) for user in users] == [lists[user] for user in users]
            for wrong in (f"/v1/listeners/{users[0]}/discover?hour=24", f"/v1/listeners/{users[0]}/mix?hour=8"):
                assert service.get(wrong).status_code == 422

    def test_hours_that_do_not_fit_are_left_where_they_lie(self, clocked):
        """Another number of tracks is refused; a damaged array stops no release: the service answers from it alone, and
        says what is wrong."""
        at = clocked
        made = make_delivery(at, SIGNED)
        names, n_tracks = DeliveryNames(made.delivery), len(Reader(at.store).bundle.gated.tracks)
        assert hours_of(at.deliveries, names, n_tracks).shape == (n_tracks, 24)
        with pytest.raises(CorruptArtefact, match="do not fit"):
            hours_of(at.deliveries, names, n_tracks + 1)
        damage(at.store.root / made.delivery / f"{HOURS}.npy")
        with served(at.store, at.config.products) as service:
            assert wait_for(service.is_ready)
            assert any(event == "failed" and HOURS in text for event, text in service.told)


def popular(service, **asked):
    """The tracks that are popular by some parameters."""
    return [place["track_id"] for place in service.http.get("/v1/popular", params=asked).json()["tracks"]]


class TestRelatedArtists:
    def paths(self, at):
        """The address of an artist, and those that the library names."""
        products = Reader(at.store).opened.products
        artists = products.artists
        name = artists.ids[int(artists.of_col[products.view.tracks.rank_cols[0]])].as_py()
        found = products.related_artists([artists.number(name)], 5).artists[0]
        return f"/v1/artists/{quote(name)}/related", [artists.ids[int(each)].as_py() for each in found if each >= 0]

    def test_the_first_question_is_answered_from_a_delivery(self, copied):
        """The artists of the library; a longer list than is delivered has to be counted."""
        at = delivering(copied, products=["related_artists"])
        make_delivery(at, SIGNED)
        path, wanted = self.paths(at)
        with served(at.store) as service:
            assert wait_for(service.is_ready)
            said = service.get(f"{path}?k=5")
            assert said.status_code == 200
            assert [place["artist_id"] for place in said.json()["artists"]] == wanted
            assert service.get(f"{path}?k={K + 1}").status_code == 503

    def test_the_first_question_is_answered_where_they_are_counted_at_the_start(self, copied):
        """It is not ready before they are."""
        path, wanted = self.paths(copied)
        with served(copied.store, related_artists=True) as service:
            assert wait_for(service.is_ready)
            said = service.get(f"{path}?k=5")
        assert [place["artist_id"] for place in said.json()["artists"]] == wanted
