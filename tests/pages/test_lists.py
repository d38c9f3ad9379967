"""Every kind of list on the page *Try it*: what the library lists, with reasons and filters, by two releases."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html import unescape
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import execute
from pages_store import LISTENER, NOBODY, change_names
from settings import SIGNED, config, run
from source_tables import create_hours, create_segments, create_streams

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.pages.kinds import KINDS
from recsys_tasks.pages.narrowing import offered
from recsys_tasks.products.filters import FeatureRange, Filters
from recsys_tasks.serving import asked
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.deliver import make_delivery

TODAY = datetime.now(UTC).date()
SETTINGS = ProductsConfig(explicit="explicit", countries="countries")


def listed(page, what="track"):
    """The tracks or artists of a page's lists, without what the listener has played."""
    assert page.status_code == 200, page.text
    return places(page.text, what)


def places(text, what="track"):
    """The tracks or artists that a page lists."""
    lists = unescape(text.partition('id="answer"')[2].partition('id="history"')[0])
    rows = re.findall(r'class="name">\s*<a href="/ask\?([^"]*)"', lists)
    return [parse_qs(row)[what][0] for row in rows]


@pytest.fixture(scope="module")
def reader(finished):
    """The live release, as the library opens it."""
    return Reader(finished.store)


@pytest.fixture(scope="module")
def some(reader):
    """Ids of three tracks that listeners play."""
    ids = reader.bundle.gated.tracks.ids
    return [str(ids[int(col)].as_py()) for col in reader.bundle.names.popular.order[:3]]


class TestKinds:
    def test_every_list_is_the_librarys(self, ask, reader, some):
        """Asked by name, each kind of list holds what the same question gets from the library, in its order."""
        opened, every = reader.opened, reader.opened.products.allowed(Filters(), TODAY)
        tracks = " ".join(some)
        questions = {
            "discover": ({"listener": LISTENER}, asked.for_listener(opened, "discover", LISTENER, 10, every)),
            "new_releases": ({"listener": LISTENER}, asked.for_listener(opened, "new_releases", LISTENER, 10, every)),
            "similar": ({"track": some[0]}, reader.similar(some[0])),
            "radio": ({"track": some[0], "seed": "3"}, asked.radio(opened, some[:1], [], 10, TODAY, 3, every)),
            "playlist": ({"tracks": tracks}, asked.playlist(opened, some, 10, every)),
            "history": ({"tracks": tracks}, asked.for_history(opened, some, 10, every)),
        }
        for kind, (question, expected) in questions.items():
            assert listed(ask(list=kind, **question)) == [str(t.track_id) for t in expected.tracks], kind
            assert expected.tracks
        popular = opened.products.popular(10, every)
        names = opened.products.named(popular.cols[0], popular.scores[0])
        assert listed(ask(list="popular")) == [str(track.track_id) for track in names]

    def test_artists_are_related_to_the_artist_of_a_track(self, ask, reader, some):
        """By track or by the artist's own id; each artist leads to those that are like it."""
        products = reader.opened.products
        (col,) = products.known_cols(some[:1])
        artist = products.artists.ids[int(products.artists.of_col[col])].as_py()
        expected = [str(each.artist_id) for each in asked.related(reader.opened, artist, 10).artists]
        assert expected
        for question in ({"track": some[0]}, {"artist": str(artist)}):
            page = ask(list="related", b="1", **question)
            assert listed(page, "artist")[: len(expected)] == expected
            assert re.search("artists are in both lists|hold the same [0-9]+ artists", page.text)

    def test_two_releases_answer_with_the_same_kind(self, ask, finished):
        """The list beside is that of the other release, and the sentence counts what both hold."""
        every = [Reader(finished.store, n).opened for n in (3, 1)]
        lists = [asked.for_listener(o, "discover", "1", 20, o.products.allowed(Filters(), TODAY)).tracks for o in every]
        ids = [[str(track.track_id) for track in found] for found in lists]
        page = ask(listener="1", list="discover", b="1", k="20")
        assert listed(page) == ids[0] + ids[1]
        both = set(ids[0]) & set(ids[1])
        assert 0 < len(both) < 20
        assert f"{len(both)} of 20 tracks are in both lists" in page.text

    def test_reasons_stand_beside_the_tracks(self, ask, reader):
        """As many as the library gives, in its words; the best tracks as evaluated have none."""
        every = reader.opened.products.allowed(Filters(), TODAY)
        tracks = asked.for_listener(reader.opened, "discover", LISTENER, 10, every).tracks
        expected = [t.because.title or f"track {t.because.track_id}" for t in tracks if t.because]
        text = unescape(ask(listener=LISTENER, list="discover").text)
        assert re.findall(r"because you played <bdi>(.*?)</bdi>", text) == expected
        assert expected
        assert "because you played" not in ask(listener=LISTENER).text

    def test_a_list_that_the_release_cannot_make_says_what_to_do(self, ask):
        """What is on repeat needs plays that this release does not hold."""
        page = ask(listener=LISTENER, list="on_repeat")
        assert page.status_code == 422
        assert "Set [products] own_half_life_days" in page.text

    def test_what_is_on_repeat_is_told_with_its_chance(self, copied, client):
        """Where the release knows how likely a listener plays a track again, in per cent."""
        pytest.importorskip("lightgbm")
        products = {"own_half_life_days": 1.0, "played_again_days": 1}
        run(Workplace(copied.store, config(products=products), copied.dsn), date(2026, 1, 16))
        page = client(copied).get("/ask", params={"listener": LISTENER, "list": "on_repeat"}).text
        assert re.search(r'class="n">chance</th>', page)
        assert re.search(r'<td class="n">\d+\.\d%</td>', page)

    def test_an_unknown_listener_gets_the_popular_tracks_of_any_list(self, ask):
        """And is told so."""
        page = ask(listener=NOBODY, list="discover")
        assert f"does not know listener <bdi>{NOBODY}</bdi>" in page.text
        assert len(listed(page)) == 10

    def test_a_list_that_does_not_fit_is_the_usual_one(self, ask, some):
        """Whoever goes from a listener to a track does not fall over the list that was chosen for the listener."""
        assert listed(ask(track=some[0], list="discover")) == listed(ask(track=some[0]))

    def test_without_a_subject_the_page_names_every_list(self, ask):
        """Each is a link without a script; a chosen one says what it needs, and a random listener keeps it."""
        page = ask()
        assert all(f"list={kind.name}" in page.text for kind in KINDS)
        chosen = ask(list="discover")
        assert "Discover: say for which listener." in chosen.text
        assert "list=discover" in ask("/random", list="discover", a="2").headers["location"]
        assert "list=" not in ask("/random", list="radio").headers["location"]

    def test_the_lists_are_those_of_the_configuration(self, client, copied, tmp_path):
        """As the service's own file says it, which may change while the server runs; an unsound one is told."""
        from recsys_tasks.core.services import Service

        file, server = tmp_path / "recsys.toml", client(copied)
        server.app.state.service = Service("", file, copied.store.root)
        file.write_text("[products]\nmost_of_one_artist = 1\n")
        question = {"listener": LISTENER, "list": "discover", "k": "30"}
        assert max(per_artist(server.get("/ask", params=question))) == 1
        file.write_text("[products]\nmost_of_one_artist = 0\ndiversity = 0.0\n")
        assert max(per_artist(server.get("/ask", params=question))) > 1
        file.write_text("[products]\nmost_of_one_artist = -1\n")
        refused = server.get("/ask", params=question)
        assert (refused.status_code, "most_of_one_artist" in refused.text) == (422, True)


class TestDeliveries:
    @pytest.fixture
    def delivering(self, copied, source_dsn):
        """A store that delivers popular tracks by segment, and what listeners do not want again."""
        create_streams(source_dsn)
        users = copied.bundles.load(copied.releases.log().require_live()).users.ids.to_pylist()
        create_segments(source_dsn, users)
        execute(source_dsn, "CREATE TABLE unwanted (user_id bigint, track_id bigint)")
        tables = {"never_again_table": "unwanted", "segments_table": "accounts"}
        return Workplace(copied.store, config(deliver={"products": ["popular"]}, products=tables), source_dsn)

    def test_what_is_marked_stands_on_no_list(self, client, delivering):
        """As soon as a delivery knows of it, though the release was open before; without a filter or with one."""
        server = client(delivering)
        kinds = ({"list": "plain"}, {"list": "discover"}, {"list": "discover", "after": "1900-01-01"})
        before = [listed(server.get("/ask", params={"listener": LISTENER} | kind)) for kind in kinds]
        marked = {found[0] for found in before}
        rows = ", ".join(f"({LISTENER}, {track})" for track in marked)
        execute(delivering.dsn, f"INSERT INTO unwanted VALUES {rows}")
        make_delivery(delivering, SIGNED)
        after = [listed(server.get("/ask", params={"listener": LISTENER} | kind)) for kind in kinds]
        assert all(len(found) == 10 and not marked & set(found) for found in after)

    def test_popular_tracks_of_each_segment_are_offered(self, client, delivering):
        """As they are delivered; a segment that is not is refused by name, and without a delivery none is offered."""
        server = client(delivering)
        assert "Among" not in server.get("/ask", params={"list": "popular"}).text
        made = make_delivery(delivering, SIGNED)
        artefact = delivering.deliveries.open(made.delivery, "popular")
        rows = pq.read_table(artefact.file("popular-001.parquet")).to_pylist()
        wanted = {each: [str(row["track_id"]) for row in rows if row["segment"] == each][:10] for each in ("PT", "SE")}
        pages = {each: server.get("/ask", params={"list": "popular", "segment": each}) for each in wanted}
        assert {each: listed(page) for each, page in pages.items()} == wanted
        assert '<option value="SE" selected>' in pages["SE"].text
        refused = server.get("/ask", params={"list": "popular", "segment": "XX"})
        assert (refused.status_code, "the segment &#39;XX&#39;" in refused.text) == (404, True)

    def test_an_hour_of_the_day_is_offered(self, client, delivering):
        """With Discover, as soon as a delivery says when tracks are played; the list is another one then."""
        server, which = client(delivering), {"listener": LISTENER, "list": "discover"}
        assert "Hour of the day" not in server.get("/ask", params=which).text
        tracks = delivering.bundles.load(delivering.releases.log().require_live()).gated.tracks.ids.to_pylist()
        create_hours(delivering.dsn, tracks)
        tables = {"hours_table": "hours", "hours_weight": 5.0}
        at = replace(delivering, config=config(deliver={"products": ["popular"]}, products=tables))
        make_delivery(at, SIGNED)
        server = client(at)
        pages = {hour: server.get("/ask", params={**which, "hour": hour}) for hour in ("", "8", "23")}
        assert all("Hour of the day" in page.text for page in pages.values())
        assert '<option value="8" selected>8</option>' in pages["8"].text
        assert len({tuple(listed(page)) for page in pages.values()}) == 3
        odd = {hour: sum(int(track) % 2 for track in listed(page)) for hour, page in pages.items()}
        assert odd["8"] > odd["23"]
        wrong = server.get("/ask", params={**which, "hour": "24"})
        assert (wrong.status_code, "no hour of the day" in wrong.text) == (422, True)


def per_artist(page):
    """How many tracks each artist has on a page's list."""
    found = re.findall(r'class="soft artist">(.*?)</bdi>', page.text.partition('id="history"')[0])
    return np.unique(found, return_counts=True)[1]


class TestFilters:
    @pytest.fixture
    def served(self, client, copied, tmp_path):
        """A server whose live release knows kind, explicitness, countries and tempo of its tracks."""
        from recsys_tasks.core.services import Service

        def known(table):
            numbers = np.arange(len(table))
            odd = pa.array(numbers % 2 == 1)
            kinds = pa.array(np.where(numbers % 3 == 0, "podcast", "music"))
            countries = pa.array([["DE"] if n % 5 else ["FR", "DE"] for n in numbers], pa.list_(pa.string()))
            tempo = pa.array(80.0 + numbers % 100)
            more = {"kind": kinds, "explicit": odd, "countries": countries, "tempo": tempo, "available": odd}
            for name, column in more.items():
                table = table.append_column(name, column)
            return table

        change_names(copied, known)
        file, server = tmp_path / "recsys.toml", client(copied)
        file.write_text('[products]\nexplicit = "explicit"\ncountries = "countries"\n')
        server.app.state.service = Service("", file, copied.store.root)
        return lambda **given: server.get("/ask", params=given)

    def test_fields_are_offered_where_the_catalogue_has_columns(self, ask, served):
        """A catalogue of names offers no more than dates; one that knows more offers its values, chosen as asked."""
        fields = ("available", "kind", "explicit", "country", "feature", "low", "high")
        bare = ask(listener=LISTENER, list="discover").text
        assert not [name for name in fields if f'<label for="{name}">' in bare]
        full = served(listener=LISTENER, list="discover", kind="podcast", feature="tempo", low="90").text
        assert [name for name in fields if f'<label for="{name}">' in full] == list(fields)
        assert '<option value="podcast" selected>' in full
        assert 'name="low" type="number" value="90"' in full
        assert '<details class="filters" open>' in full

    def test_a_list_holds_what_its_filters_allow(self, served, copied):
        """As many tracks as without, each of them allowed; the other release, which knows no kinds, says so."""
        given = {"kind": "music", "explicit": "yes", "feature": "tempo", "low": "90", "high": "140"}
        page = served(listener=LISTENER, list="discover", **given)
        opened = Reader(copied.store, settings=SETTINGS).opened
        filters = Filters(kinds=("music",), explicit=True, ranges=(FeatureRange("tempo", 90, 140),))
        allowed = opened.products.allowed(filters, TODAY)
        found = listed(page)
        assert len(found) == 10
        assert allowed[opened.products.known_cols(found)].all()
        beside = served(listener=LISTENER, list="discover", b="1", kind="music")
        assert beside.status_code == 422
        assert "knows no &#39;kind&#39; of its tracks" in beside.text
        assert len(places(beside.text)) == 10

    def test_a_filter_that_lets_nothing_through_says_so(self, served):
        """Instead of an empty table, with the way back."""
        page = served(listener=LISTENER, list="discover", feature="tempo", low="500")
        assert "No track passes these filters." in page.text
        assert f'href="/ask?listener={LISTENER}&amp;list=discover">Without filters' in page.text

    def test_the_best_tracks_are_not_filtered(self, served):
        """They are what the gate judged, whole; the page says that filters do not hold, and keeps them for others."""
        page = served(listener=LISTENER, kind="podcast")
        assert "Filters do not hold in this list." in page.text
        assert listed(page) == listed(served(listener=LISTENER))
        assert "listener=5&amp;list=discover&amp;kind=podcast" in page.text

    def test_numbers_of_the_release_are_no_features(self):
        """Plays, listeners and ids can be compared, and nobody filters by them; no date, no field of dates."""
        nothing = pa.nulls(1, pa.date32())
        table = pa.table({"released_on": nothing, "plays": [1], "listeners": [1], "album_id": [7], "bpm": [120]})
        found = offered(table, ProductsConfig())
        assert found == (False, (), False, (), False, ("bpm",), (), False)
        dated = table.set_column(0, "released_on", pa.array([date(2026, 1, 1)]))
        assert offered(dated, ProductsConfig()).released

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"list": "everything"}, "There is no list 'everything'"),
            ({"explicit": "maybe"}, "Leave it out, or say no or yes"),
            ({"available": "no"}, "Leave it out, or say any"),
            ({"feature": "tempo", "low": "fast"}, "'fast' is no number"),
            ({"feature": "tempo", "low": "nan"}, "'nan' is no number"),
            ({"after": "yesterday"}, "is not a date"),
            ({"kind": "x" * 201}, "Shorten it"),
            ({"seed": "-1"}, "no number of a radio"),
            ({"tracks": " ".join(map(str, range(101)))}, "Give 100 at the most"),
            ({"tracks": "x" * 201}, "Shorten it"),
            ({"listener": LISTENER, "tracks": "5"}, "not for two of them at once"),
            ({"tracks": NOBODY}, "knows no track"),
            ({"artist": "Nobody at all"}, "knows no artist"),
            ({"list": "discover", "listener": LISTENER, "feature": "tempo"}, "knows no 'tempo'"),
        ],
    )
    def test_a_wrong_list_or_filter_gets_words(self, ask, given, said):
        """Each is told in a sentence on the page."""
        page = ask(**given)
        assert page.status_code in (404, 422)
        assert said in unescape(page.text)
