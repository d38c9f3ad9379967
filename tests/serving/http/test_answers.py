"""What the service answers: the lists of the library, one release at a time, to whoever asks in whatever way."""

import json
from datetime import timedelta
from urllib.parse import quote

import numpy as np
import pytest
from processes import wait_for
from served import served

from recsys_tasks.products.filters import Filters
from recsys_tasks.serving.reader import Reader


@pytest.fixture(scope="module")
def opened(finished):
    """The live release, as the library opens it."""
    return Reader(finished.store).opened


@pytest.fixture(scope="module")
def service(finished):
    """The service of the finished store, ready."""
    with served(finished.store) as found:
        assert wait_for(found.is_ready)
        yield found


@pytest.fixture(scope="module")
def listeners(opened):
    """Some listeners, as the addresses name them."""
    ids = opened.bundle.users.ids
    return [str(ids[row].as_py()) for row in range(0, len(ids), 211)]


def track_of(opened, place):
    """A track by its place in the order of norms: those in front have been played."""
    col = int(opened.bundle.gated.search.tracks.rank_cols[place])
    return str(opened.bundle.gated.tracks.ids[col].as_py())


class TestLists:
    def test_a_listener_gets_the_list_of_the_library(self, service, opened, listeners):
        """Tracks, scores and reasons are those of ``Products.discover`` under the same filters; ids are texts."""
        products = opened.products
        allowed = products.allowed(Filters(), opened.products.day)
        for row, listener in zip(range(0, len(opened.bundle.users.ids), 211), listeners, strict=True):
            cols, scores, reasons = products.discover([row], 12, allowed).of(0)
            said = service.get(f"/v1/listeners/{listener}/discover", params={"k": 12}).json()
            wanted = products.named(cols, scores, reasons)
            assert [place["track_id"] for place in said["tracks"]] == [str(each.track_id) for each in wanted]
            assert [place["score"] for place in said["tracks"]] == [pytest.approx(each.score) for each in wanted]
            because = [place["because"] and place["because"]["track_id"] for place in said["tracks"]]
            assert because == [str(each.because.track_id) if each.because else None for each in wanted]
            assert (said["listener_id"], said["known"], said["basis"]) == (listener, True, "listener")

    def test_many_at_once_get_what_each_gets_alone(self, service, listeners):
        """A batch gives the lists of its listeners in their order, an unknown one among them, all of one release."""
        asked = [*listeners[:20], "1000000000", *map(int, listeners[:3])]
        batch = service.http.post("/v1/batch/discover", json={"listeners": asked, "k": 7}).json()
        alone = [service.get(f"/v1/listeners/{each}/discover?k=7").json() for each in asked]
        shared = {"release", "day"}
        assert batch["lists"] == [{name: one[name] for name in one.keys() - shared} for one in alone]
        assert {(one["release"], one["day"]) for one in alone} == {(batch["release"], batch["day"])}

    def test_an_unknown_listener_gets_the_popular_tracks(self, service):
        """That nobody is known by this id is said; the list is full."""
        said = service.get("/v1/listeners/1000000000/discover").json()
        assert (said["known"], said["basis"], len(said["tracks"])) == (False, "popular", 30)

    def test_similar_tracks(self, service, opened):
        """A track gets those of the library, never itself."""
        track = track_of(opened, 3)
        said = service.get(f"/v1/tracks/{track}/similar?k=5").json()
        assert len(said["tracks"]) == 5
        assert track not in {place["track_id"] for place in said["tracks"]}
        assert {place["because"]["track_id"] for place in said["tracks"]} == {track}


class TestEveryProduct:
    """Each route gives what the function of the library gives."""

    def test_new_releases(self, service, opened, listeners):
        """Tracks that are new on the day after the data; an unknown listener gets the popular ones among these."""
        products, on = opened.products, opened.products.day + timedelta(days=1)
        allowed = products.allowed(Filters(), on)
        row = opened.bundle.users.ids.index(int(listeners[4])).as_py()
        wanted = products.named(*products.new_releases([row], 8, allowed, day=on).of(0))
        said = service.get(f"/v1/listeners/{listeners[4]}/new-releases?k=8").json()
        assert ids_of(said) == [str(each.track_id) for each in wanted]
        new = products.new_tracks(allowed, on)
        unknown = service.get("/v1/listeners/1000000000/new-releases?k=8").json()
        assert [str(products.view.bundle.gated.tracks.ids[int(col)]) for col in products.popular(8, new).cols[0]] == (
            ids_of(unknown)
        )

    @pytest.mark.parametrize("name", ["mix", "on-repeat"])
    def test_what_the_release_does_not_hold_is_said(self, service, listeners, name):
        """A product that needs listeners' own plays says which setting keeps them, in every form."""
        one = service.get(f"/v1/listeners/{listeners[0]}/{name}")
        many = service.http.post(f"/v1/batch/{name}", json={"listeners": listeners[:2]})
        for said in (one, many):
            assert (said.status_code, "own_half_life_days" in said.json()["detail"]) == (422, True)

    def test_a_listener_without_a_past_is_answered_from_a_history(self, service, opened, listeners):
        """Tracks in the body count at once for an unknown listener, and for nobody whom the release knows."""
        history = [track_of(opened, place) for place in (3, 5, 8)]
        cols = np.array([opened.bundle.gated.tracks.ids.index(int(each)).as_py() for each in history])
        allowed = opened.products.allowed(Filters(), opened.products.day)
        wanted = opened.products.for_history([cols], 6, allowed)
        body = {"history": [int(history[0]), *history[1:], "1000000000"], "k": 6}
        said = service.http.post("/v1/listeners/1000000000/discover", json=body).json()
        assert (said["known"], said["basis"]) == (False, "history")
        tracks = opened.products.named(wanted.cols[0], wanted.scores[0])
        assert ids_of(said) == [str(each.track_id) for each in tracks]
        assert not set(history) & set(ids_of(said))
        path = f"/v1/listeners/{listeners[0]}/discover"
        assert service.http.post(path, json=body).json() == service.get(f"{path}?k=6").json()
        nothing = service.http.post("/v1/listeners/1000000000/discover", json={"history": [10**9]}).json()
        assert nothing["basis"] == "popular"

    def test_a_playlist_goes_on(self, service, opened):
        """None of its tracks stands on the list again; those that nobody knows are counted, and alone refused."""
        tracks = [track_of(opened, place) for place in (2, 4)]
        said = service.http.post("/v1/playlists/continue", json={"tracks": [*tracks, 10**9], "k": 9}).json()
        assert (len(said["tracks"]), said["unknown"]) == (9, 1)
        assert not set(tracks) & set(ids_of(said))
        assert service.http.post("/v1/playlists/continue", json={"tracks": [10**9]}).status_code == 404

    def test_a_radio_has_no_end(self, service, opened):
        """Two halves are the whole; another number or day is another radio; a radio of nothing is refused."""
        seeds = {"track": [track_of(opened, 2), track_of(opened, 6)], "k": 10}
        whole = service.get("/v1/radio", params=seeds | {"k": 20}).json()
        first = service.get("/v1/radio", params=seeds).json()
        second = service.get("/v1/radio", params=seeds | {"skip": first["skip"]}).json()
        assert first["tracks"] + second["tracks"] == whole["tracks"]
        for other in ({"seed": 7}, {"on": "2026-02-01"}):
            assert service.get("/v1/radio", params=seeds | other).json()["tracks"] != first["tracks"]
        assert service.get("/v1/radio").status_code == 422

    def test_related_artists(self, service, opened):
        """What they need is made when somebody asks; then they are those of the library, by name."""
        artists = opened.products.artists
        name = artists.ids[int(artists.of_col[opened.bundle.gated.search.tracks.rank_cols[0]])].as_py()
        path = f"/v1/artists/{quote(name)}/related?k=5"
        first = service.get(path)
        assert (first.status_code, first.headers["retry-after"]) == (503, "1")
        assert wait_for(lambda: service.get(path).status_code == 200)
        found = opened.products.related_artists([artists.number(name)], 5).artists[0]
        wanted = [artists.ids[int(each)].as_py() for each in found if each >= 0]
        said = service.get(path).json()["artists"]
        assert [place["artist_id"] for place in said] == [place["artist"] for place in said] == wanted
        assert service.get("/v1/artists/nobody/related").status_code == 404

    def test_popular_tracks(self, service):
        """Those that most are listening to, best first."""
        scores = [place["score"] for place in service.get("/v1/popular?k=50").json()["tracks"]]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 50


class TestCaching:
    def test_what_is_still_right_is_not_sent_again(self, service, listeners):
        """The tag of an answer is that of its release: whoever holds it gets 304 without a body, weak or in a list."""
        path = f"/v1/listeners/{listeners[0]}/discover"
        first = service.get(path)
        tag = first.headers["etag"]
        assert first.headers["recsys-release"] == str(first.json()["release"])
        for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = service.get(path, headers={"If-None-Match": held})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert service.get(path, headers={"If-None-Match": '"other"'}).content == first.content

    def test_an_answer_that_was_made_is_remembered(self, service, listeners):
        """The second of two equal questions is answered with the same bytes, and counted as such."""
        path = f"/v1/listeners/{listeners[1]}/discover?k=9"
        assert service.get(path).content == service.get(path).content
        assert figure(service, "recsys_answers_remembered_total") >= 1


class TestOperations:
    def test_the_log_names_nobody(self, finished, listeners):
        """A line for each request, with route, status and time; no id, no query, no word of a stranger."""
        with served(finished.store) as service:
            assert wait_for(service.is_ready)
            before = len(service.lines())
            service.get(f"/v1/listeners/{listeners[2]}/discover?k=11")
            service.get("/a/secret?word=1")
            lines = service.lines(before + 2)[-2:]
        assert [(line["route"], line["status"]) for line in lines] == [
            ("/v1/listeners/{listener_id}/discover", 200),
            ("none", 404),
        ]
        assert lines[0].keys() == {"at", "method", "route", "status", "ms", "bytes", "release"}
        text = json.dumps([{**line, "at": "", "ms": 0, "bytes": 0} for line in lines])
        assert not [word for word in (listeners[2] + "/", "k=11", "secret", "127.0.0.1") if word in text]

    def test_the_figures_for_prometheus(self, service, finished):
        """Requests by route and status, the release and its age; no series is made from a stranger's path."""
        live = finished.releases.log().require_live()
        service.get("/another/secret")
        text = service.get("/metrics").text
        assert f"recsys_release {float(live.release)}" in text
        assert figure(service, "recsys_release_age_seconds") > 0
        assert figure(service, 'recsys_http_requests_total{route="/metrics",status="200"}') >= 1
        assert "secret" not in text

    def test_health(self, service):
        """The process is alive, a release is open, and nothing newer is kept away."""
        assert service.get("/healthz").json() == {"status": "alive"}
        assert service.get("/readyz").json() == {"status": "ready", "release": 3, "kept": False}

    def test_a_store_without_a_release(self, store):
        """The service starts, is not ready, and says so with the time to come again."""
        with served(store) as service:
            assert service.get("/readyz").status_code == 503
            said = service.get("/v1/listeners/5/discover")
            assert (said.status_code, said.json()["code"], said.headers["retry-after"]) == (503, "no_release", "1")
            assert service.get("/healthz").status_code == 200
            assert service.get("/metrics").status_code == 200

    def test_the_description_shows_an_example_of_everything(self, service):
        """OpenAPI holds each route under /v1 with an example of its answer and of its problems."""
        paths = service.get("/openapi.json").json()["paths"]
        ours = {path: item for path, item in paths.items() if path.startswith("/v1")}
        assert {"/v1/listeners/{listener_id}/discover", "/v1/tracks/{track_id}/similar"} <= ours.keys()
        for item in ours.values():
            for operation in item.values():
                answers = operation["responses"]
                assert "example" in answers["200"]["content"]["application/json"]
                assert "example" in answers["404"]["content"]["application/problem+json"]
                assert operation["description"]


def ids_of(said):
    """The tracks of an answer."""
    return [place["track_id"] for place in said["tracks"]]


def figure(service, name):
    """A figure of the service."""
    found = [line for line in service.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(found[0].split()[1])
