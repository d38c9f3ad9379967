"""The page on deliveries, and the same on the command line: what went where, when, with the figures of the lists."""

import json
from dataclasses import replace

import pytest
from pages_store import gone, shown
from settings import SIGNED, TOML, config, reseal

from recsys_tasks.cli.main import main
from recsys_tasks.core.services import Service
from recsys_tasks.pages.deliveries import deliveries
from recsys_tasks.steps import Workplace, roll_back
from recsys_tasks.steps.deliver import load_delivery, make_delivery
from recsys_tasks.storage.artefacts import read_manifest

DELIVER = '[deliver]\nproducts = ["discover", "popular"]\n'


def page(at):
    """The page of a store."""
    return shown("deliveries", service=Service("", None, None), **deliveries(at.store, at.config.deliver))


@pytest.fixture
def delivered(copied, source_dsn):
    """A store with two deliveries, the second of which is in a sink."""
    at = Workplace(copied.store, config(deliver={"products": ["discover", "popular"]}), copied.dsn)
    make_delivery(at, SIGNED)
    roll_back(at, 2, SIGNED)
    by = replace(SIGNED, by="<script>")
    load_delivery(at, make_delivery(at, by), source_dsn, by)
    return at


def test_each_delivery_is_a_row_with_its_places_and_figures(delivered):
    """Newest first, with release, lists, share of new tracks and repeats; names of people are text, not markup."""
    text = page(delivered)
    assert text.index("Release 2 ") < text.index("Release 3 ")
    assert "schema public of database test_" in text
    assert "in no sink" in text
    assert "<bdi>&lt;script&gt;</bdi>" in text
    (figures,) = [delivered.deliveries.manifest(name).figures for name in delivered.deliveries.names()[-1:]]
    assert f"{figures['products']['discover']['distinct_tracks']:,}" in text
    assert f"{100 * figures['products']['discover']['repeats']['last']:.1f} %" in text


def test_what_was_explored_is_told(copied, tmp_path, capsys):
    """Places, and how many of the earlier ones were played since, explored and ranked, on the page and the terminal; of
    lists that do not explore nothing is said."""
    at = Workplace(copied.store, config(deliver={"products": ["discover"]}, products={"exploration_share": 0.1}))
    for release in (1, 3):
        roll_back(at, release, SIGNED)
        make_delivery(at, SIGNED)
    found = at.deliveries.manifest(at.deliveries.names()[-1]).figures["products"]["discover"]["exploration"]
    ranked = found["before"]["ranked"]
    said = [
        f"Exploration: {found['places']:,} places hold {found['distinct_tracks']:,} new tracks.",
        f"{ranked['played']:,} of {ranked['shown']:,} ranked places (",
    ]
    file = tmp_path / "recsys.toml"
    file.write_text(TOML + DELIVER)
    assert main(["deliveries"], {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(file)}) == 0
    for text in (page(at), capsys.readouterr().out):
        assert all(each in text for each in said)
        assert text.count("Exploration: ") == 2
    plain = Workplace(copied.store, config(deliver={"products": ["discover"]}))
    roll_back(plain, 2, SIGNED)
    make_delivery(plain, SIGNED)
    assert page(plain).count("Exploration: ") == 2


def test_figures_are_drawn_over_time_by_product(copied):
    """One point a date, of its newest delivery, from the first date on; the tables hold every delivery."""
    at = Workplace(copied.store, config(deliver={"products": ["discover", "new_releases"]}), copied.dsn)
    for release in (1, 2, 3, 1):
        roll_back(at, release, SIGNED)
        make_delivery(at, SIGNED)
    every = [at.deliveries.manifest(name).figures["products"] for name in at.deliveries.names()]
    expected = [every[3], every[1], every[2]]  # release 1 was delivered twice
    gathered = deliveries(at.store, at.config.deliver)
    assert gathered["data"]["days"] == ["2026-01-13", "2026-01-14", "2026-01-15"]
    plots = {plot.name: plot for plot in gathered["plots"]}
    assert set(plots) == {"coverage", "new", "artists", "last"}
    assert [line.name for line in plots["new"].lines] == ["discover", "new releases"]
    for line, product in zip(plots["new"].lines, ("discover", "new_releases"), strict=True):
        assert line.values == tuple(100 * each[product]["new_tracks"] for each in expected)
    repeats = tuple(each["discover"]["repeats"].get("last") for each in expected)
    assert plots["last"].lines[0].values == tuple(None if each is None else 100 * each for each in repeats)
    text = page(at)
    assert text.count("<h2>Release") == 4
    assert text.count("data-plot=") == 4
    assert "countries" not in text


def test_a_single_date_is_not_drawn(delivered):
    """Its numbers are in the table; no script is loaded for them."""
    assert "plot.js" in page(delivered)
    (first, *_) = delivered.deliveries.names()
    gone(delivered.store.root / first)
    assert "plot.js" not in page(delivered)


def test_countries_have_a_column_where_a_delivery_counted_them(delivered):
    """An older delivery, which did not, has a dash in it."""
    newest = delivered.store.root / delivered.deliveries.names()[-1]
    figures = read_manifest(newest).figures
    figures["products"]["discover"]["countries_a_list"] = 4.25
    reseal(newest, figures=figures)
    text = page(delivered)
    assert "countries a list" in text
    assert ">4.2<" in text


def test_a_store_without_deliveries_says_what_to_do(copied):
    """Nothing configured, and nothing delivered yet, are two different sentences."""
    assert "no products are configured" in page(copied)
    at = Workplace(copied.store, config(deliver={"products": ["popular"]}), None)
    assert "Nothing has been delivered yet" in page(at)


def test_the_command_line_delivers_and_lists(copied, source_dsn, tmp_path, capsys):
    """`deliver` says what is where, a second one that it was; `deliveries` has the same figures for machines."""
    (tmp_path / "recsys.toml").write_text(TOML + DELIVER)
    environment = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "recsys.toml")}
    environment["RECSYS_SINK_DSN"] = source_dsn
    assert main(["deliver"], environment) == 0
    assert capsys.readouterr().out.startswith("Release 3 is in schema public of database test_")
    assert main(["deliver"], environment) == 0
    assert capsys.readouterr().out.startswith("Release 3 was in schema public")
    assert main(["deliveries"], environment) == 0
    assert "discover" in capsys.readouterr().out
    assert main(["deliveries", "--json"], environment) == 0
    (delivery,) = json.loads(capsys.readouterr().out)["deliveries"]
    assert (delivery["release"], delivery["sinks"][0]["kind"]) == (3, "postgres")
