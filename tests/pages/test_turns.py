"""Turns: a viewer who asks for many pages at once takes two threads of the server, and never all of them."""

import asyncio
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture
def turns(monkeypatch):
    """The module, and turns for two at a time with three who wait."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    from recsys_ui import turns

    return turns


def test_two_are_made_at_a_time_and_the_rest_is_told_to_come_again(turns):
    """Of ten who ask at once, two go in, three wait for them, and five are refused with a word; then all is free."""
    ours = turns.Turns(at_once=2, waiting=3)
    inside, most, refused = 0, 0, []

    async def one(leave):
        nonlocal inside, most
        try:
            async with ours.one():
                inside += 1
                most = max(most, inside)
                await leave.wait()
                inside -= 1
        except turns.Sorry as sorry:
            refused.append(sorry.status)

    async def all_of_them():
        leave = asyncio.Event()
        asking = [asyncio.create_task(one(leave)) for _ in range(10)]
        while len(refused) < 5:
            await asyncio.sleep(0)
        leave.set()
        await asyncio.gather(*asking)

    asyncio.run(all_of_them())
    assert (most, inside, ours.waiting, refused) == (2, 0, 0, [503] * 5)


def test_who_waits_too_long_is_told_so(turns):
    """A page that does not end holds the others no longer than the bound; the next one goes in when it has ended."""
    ours = turns.Turns(at_once=1, waiting=3, patience_s=0.01)

    async def late():
        async with ours.one():
            with pytest.raises(turns.Sorry):
                async with ours.one():
                    raise AssertionError
        async with ours.one():
            return "in"

    assert asyncio.run(late()) == "in"


def test_every_page_that_reads_much_takes_a_turn(turns):
    """Every route of ours but the static files and the way to them: answers have turns of their own."""
    from recsys_ui import acts, asking, browse, reports, views

    rooms = (acts.router, asking.router, browse.router, reports.router, views.router)
    kinds = (turns.turn, turns.answer_turn)
    found = {
        (route.path, *route.methods): [
            each.call.__name__ for each in route.dependant.dependencies if each.call in kinds
        ]
        for router in rooms
        for route in router.routes
    }
    assert [where for where, taken in found.items() if not taken] == [("/", "GET"), ("/static/{name}", "GET")]
    assert found["/acts/{name}", "POST"] == ["turn"]
    assert found["/ask/similar", "GET"] == ["answer_turn"]
    assert all(len(taken) < 2 for taken in found.values())


def test_who_is_sent_away_is_told_when_to_come_again(turns):
    """503 with Retry-After, which proxies and programs heed; a page to a person, and JSON to a script that wants it."""
    from fastapi import Depends, FastAPI
    from fastapi.testclient import TestClient
    from recsys_ui.web import Sorry, sorry

    from recsys_tasks.core.services import Service

    nobody = turns.Turns(at_once=0, waiting=0)

    async def never():
        async with nobody.one():
            yield

    app = FastAPI(dependencies=[Depends(never)])
    app.state.service = Service("", None, None)
    app.add_exception_handler(Sorry, sorry)
    app.get("/page")(lambda: "a page")
    client = TestClient(app)
    page, script = client.get("/page"), client.get("/page", headers={"Accept": "application/json"})
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in (page, script)] == [(503, "5")] * 2
    assert "Try again in a moment" in page.text
    assert script.json()["detail"].endswith("Try again in a moment.")
