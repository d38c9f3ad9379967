"""Who may do what on the pages: every route there is, asked through Airflow's own application by every kind of user."""

from itertools import product

import pytest
from airflow_server import ACTORS, USERS, served

READERS = ("vic", *ACTORS)
SAMPLES = {  # parameter of a path -> true names and false ones
    "date": ["2026-01-15", "2026-13-45", "x"],
    "judgement": ["ffffffffffffffff-none", "x"],
    "name": ["page.css", "rollback", "pin", "1", "x"],
    "release": ["1", "99", "x"],
    "run": ["pin-0123456789abcdef", "x"],
}
BODIES = [
    {"data": {"why": "a form", "seen": "3"}},
    {"content": '{"why": "called text", "seen": 3}', "headers": {"Content-Type": "text/plain"}},
    {"content": '{"why": "called nothing", "seen": 3}'},
    {"files": {"why": "a file"}},
    {"content": '{"why": "json, by half", "seen": 3}', "headers": {"Content-Type": "text/plain; application/json"}},
]


@pytest.fixture(scope="module")
def ask(airflow_home, finished, tmp_path_factory):
    """Ask as a user; the store is the finished one, which nothing here changes."""
    with served(airflow_home, finished.store.root, tmp_path_factory.mktemp("access")) as asking:
        yield asking


@pytest.fixture(scope="module")
def routes(ask):
    """Every route of the plugin: method, path with names filled in."""
    from fastapi.routing import APIRoute
    from recsys_pages import RecsysPlugin
    from recsys_ui.front import app_of, hand_on
    from recsys_ui.web import own_services

    (mounted,) = RecsysPlugin().fastapi_apps
    assert [route.app for route in mounted["app"].routes] == [hand_on]
    (service,) = own_services()
    found = []
    for route in app_of(service).routes:
        assert isinstance(route, APIRoute), f"{route} is none that Airflow's rights are asked for"
        named = route.param_convertors
        for values in product(*(SAMPLES[name] for name in named)):
            path = mounted["url_prefix"] + route.path.format(**dict(zip(named, values, strict=True)))
            found += [(method, path) for method in route.methods]
    assert {("GET", "/recsys/live"), ("POST", "/recsys/acts/pin")} <= set(found)
    return found


def answers(ask, routes, user):
    """(method, path) -> status, for a user who sends nothing with it."""
    return {(method, path): ask(method, path, user).status_code for method, path in routes}


class TestEveryRoute:
    def test_nobody_gets_anything_unsigned(self, ask, routes):
        """401 on each route, whether or not what it names is there."""
        assert set(answers(ask, routes, None).values()) == {401}

    def test_a_user_without_the_dag_gets_nothing(self, ask, routes):
        """403 on each route, whether or not what it names is there."""
        assert set(answers(ask, routes, "ned").values()) == {403}

    def test_a_forged_token_gets_nothing(self, ask, routes):
        """A signature that is not the server's is refused on each route."""
        forged = {"Authorization": f"Bearer {ask.token('ada')[:-8]}AAAAAAAA"}
        assert {ask(method, path, None, headers=forged).status_code for method, path in routes} == {403}

    @pytest.mark.parametrize("user", READERS)
    def test_who_may_read_the_dag_reads_every_page(self, ask, routes, user):
        """Pages that are there answer 200; what a false name asks for is not found, and never forbidden."""
        found = {path: status for (method, path), status in answers(ask, routes, user).items() if method == "GET"}
        assert found["/recsys/live"] == found["/recsys/acts"] == found["/recsys/static/page.css"] == 200
        assert set(found.values()) <= {200, 303, 307, 404, 422}

    def test_a_reader_changes_nothing(self, ask, routes):
        """Whatever is not a GET is forbidden to a viewer."""
        found = {answer for (method, _), answer in answers(ask, routes, "vic").items() if method != "GET"}
        assert found == {403}

    @pytest.mark.parametrize("user", ACTORS)
    def test_who_may_edit_the_dag_may_act(self, ask, routes, user):
        """Let in, and then told that nothing was sent."""
        found = {answer for (method, _), answer in answers(ask, routes, user).items() if method != "GET"}
        assert found == {415}

    @pytest.mark.parametrize("body", BODIES)
    def test_only_json_acts(self, ask, routes, body):
        """What a form of another site can send, with the cookie of a signed-in admin, is refused before it is read."""
        cookie = {"Cookie": f"_token={ask.token('ada')}"}
        options = body | {"headers": cookie | body.get("headers", {})}
        posts = [path for method, path in routes if method == "POST"]
        assert {ask("POST", path, None, **options).status_code for path in posts} == {415}


class TestWhatElse:
    @pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "docs/oauth2-redirect", "static", "static/"])
    def test_there_is_no_listing(self, ask, path):
        """No documentation, no schema, no directory, for an admin either."""
        assert ask("GET", f"/recsys/{path}", "ada").status_code == 404

    @pytest.mark.parametrize(("user", "may"), [(user, user in ACTORS) for user in USERS if USERS[user]])
    def test_the_page_is_told_who_may_act(self, ask, user, may):
        """So that only they see buttons."""
        told = ask("GET", "/recsys/acts", user).json()
        assert (told["user"], told["may_act"], told["may_backfill"]) == (user, may, may)

    @pytest.mark.parametrize("user", READERS)
    def test_a_backfill_asks_the_same_right(self, ask, user):
        """Airflow's own rule for its own route, which the page's dialog asks: a viewer may not."""
        body = {
            "dag_id": "daily_recommendations",
            "from_date": "2026-01-13T00:00:00Z",
            "to_date": "2026-01-13T00:00:00Z",
        }
        answer = ask("POST", "/api/v2/backfills/dry_run", user, json=body)
        assert (answer.status_code == 403) is (user == "vic")
