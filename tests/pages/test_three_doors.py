"""Command line, page and HTTP service: one question, one list, whichever door it comes through."""

import json
import re
from datetime import date
from html import unescape
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pytest
from pages_store import LISTENER, change_names
from processes import wait_for
from served import served

from recsys_tasks.cli.main import main
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.serving.reader import Reader

RUNNING = ("150", "180")
SETTINGS = ProductsConfig(exploration_share=0.2)


DOORS = {
    "discover": (
        ("recommend", LISTENER, "--list", "discover"),
        {"listener": LISTENER},
        f"listeners/{LISTENER}/discover",
    ),
    "new_releases": (
        ("recommend", LISTENER, "--list", "new_releases"),
        {"listener": LISTENER},
        f"listeners/{LISTENER}/new-releases",
    ),
    "similar": (("similar", "{}"), {"track": "{}"}, "tracks/{}/similar"),
}
"""By kind of list: the words of a command, the question of the page, and the path of the service; {} is a track."""


@pytest.fixture
def store(copied):
    """A store whose live release knows the tempo of its tracks, that every fifth may not be played, and that every
    seventh is not out yet."""

    def known(table):
        numbers = np.arange(len(table))
        out = pa.array(numbers % 7 == 0)
        dates = pa.chunked_array([pa.array([date(2030, 1, 1) if late else None for late in out.to_pylist()])])
        table = table.set_column(table.column_names.index("released_on"), "released_on", dates.cast(pa.date32()))
        table = table.append_column("tempo", pa.array(80.0 + numbers % 110))
        return table.append_column("available", pa.array(numbers % 5 > 0))

    change_names(copied, known)
    return copied.store


@pytest.mark.parametrize("running", [False, True])
def test_every_door_shows_the_same_list(store, client, tmp_path, capsys, running):
    """With a range of tempo and without a filter; Discover explores, too. All tracks may be played, are out, and lie
    within the range."""
    from recsys_tasks.core.services import Service

    opened = Reader(store, settings=SETTINGS).opened
    track = str(opened.products.named(opened.products.plain([4], 1).cols[0], np.ones(1))[0].track_id)
    file, page = tmp_path / "recsys.toml", client(type("At", (), {"store": store}))
    file.write_text("[products]\nexploration_share = 0.2\n")
    page.app.state.service = Service("", file, store.root)
    environment = {"RECSYS_ROOT": str(store.root), "RECSYS_CONFIG": str(file)}
    table, ids = opened.bundle.names.table, opened.bundle.gated.tracks.ids.to_pylist()
    with served(store, SETTINGS) as service:
        assert wait_for(service.is_ready)
        for kind, (words, asked, path) in DOORS.items():
            more = ("--range", "tempo", *RUNNING) if running else ()
            assert main([*(word.format(track) for word in words), "--json", *more], environment) == 0
            shown = [str(each["track_id"]) for each in json.loads(capsys.readouterr().out)["tracks"]]
            narrowed = {"feature": "tempo", "low": RUNNING[0], "high": RUNNING[1]} if running else {}
            question = {name: text.format(track) for name, text in asked.items()} | {"list": kind} | narrowed
            over_http = f"feature=tempo:{':'.join(RUNNING)}" if running else ""
            answer = service.get(f"/v1/{path.format(track)}?k=10&{over_http}").json()
            assert listed(page.get("/ask", params=question)) == shown, kind
            assert [each["track_id"] for each in answer["tracks"]] == shown, kind
            numbers = np.array([ids.index(int(each)) for each in shown])
            assert len(shown) == 10
            assert (numbers % 5 > 0).all()
            assert (numbers % 7 > 0).all()
            tempo = np.asarray(table["tempo"])[numbers]
            assert not running or ((tempo >= 150) & (tempo <= 180)).all()


def listed(page):
    """The tracks of a page's list."""
    text = unescape(page.text.partition('id="answer"')[2].partition('id="history"')[0])
    return [parse_qs(row)["track"][0] for row in re.findall(r'class="name">\s*<a href="/ask\?([^"]*)"', text)]
