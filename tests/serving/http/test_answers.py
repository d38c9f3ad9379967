"""What the service answers: the lists of the library, one release at a time, to whoever asks in whatever way."""

import json

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


def figure(service, name):
    """A figure of the service."""
    found = [line for line in service.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(found[0].split()[1])
