"""The page *Try it*: tracks found by name, two releases side by side, and a server that no bundle can take down."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from threading import Event, Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from settings import SIGNED, damage, reseal

from recsys_tasks.core.errors import ConfigError, CorruptArtefact
from recsys_tasks.pages import names_search, readers
from recsys_tasks.pages.asking import Question, columns_of, marks, parse_question
from recsys_tasks.pages.names_search import BETWEEN, NameSearch, folded
from recsys_tasks.pages.readers import Readers, TooBusy, TooLarge, TooSlow, files_of, memory_of
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import log_path, read_log
from recsys_tasks.serving.reader import Reader, Track
from recsys_tasks.steps.publish import roll_back
from recsys_tasks.storage.files import remove_tree, sha256_of

ROOT = Path(__file__).parents[2]
LISTENER, NOBODY = "5", "999999999"
WEIRD = ["<script>alert(1)</script>", "משה & “Friends”", "x" * 5000, "", "Dérive"]


@pytest.fixture
def client(monkeypatch):
    """A function that serves the routes of the page from a store; the rights are Airflow's, and tested with it."""
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from recsys_ui import asking
    from recsys_ui.web import Sorry, sorry

    def serve(at):
        monkeypatch.setenv("RECSYS_ROOT", str(at.store.root))
        app = FastAPI()
        app.include_router(asking.router)
        app.add_exception_handler(Sorry, sorry)
        return TestClient(app, follow_redirects=False)

    return serve


@pytest.fixture
def ask(client, finished):
    """Ask the finished store for a path below the page."""
    server = client(finished)
    return lambda path="", **given: server.get(f"/ask{path}", params=given)


def entry(at, release):
    """The log entry of a release."""
    return read_log(at.store).release(release)


def part(at, release, name):
    """The directory of a part of a release."""
    return at.store.bundle_path(entry(at, release).candidate) / name


def recommend(opened):
    """A question that every release answers."""
    return opened.reader.recommend(LISTENER, 3)


def named(names):
    """A search over (title, artist, listeners) of each track."""
    kinds = {"title": pa.string(), "artist": pa.string(), "listeners": pa.int64()}
    columns = (pa.array(column, kind) for column, kind in zip(zip(*names, strict=True), kinds.values(), strict=True))
    return NameSearch(pa.table(dict(zip(kinds, columns, strict=True))))


class TestNames:
    @pytest.mark.parametrize(
        ("title", "typed"),
        [
            ("Dérive", "derive"),
            ("Dérive", "DÉRI"),
            ("De\u0301rive", "dérive"),
            ("Derive", "dérive"),
            ("Große Straße", "grosse strasse"),
            ("Sølv og Æbler", "solv og aeb"),
            ("100% (live) [v.2]", "% (live) ["),
            ("Two words", " two   w"),
            ("משה", "מש"),
        ],
    )
    def test_case_and_accents_do_not_matter(self, title, typed):
        """What a person types without them is found, and with them too; signs of a pattern stand for themselves."""
        search = named([(title, "somebody", 1), ("other", None, 5)])
        assert search.find(typed, 5).cols.tolist() == [0]

    def test_beginnings_come_first_then_the_most_heard(self):
        """A title or a name that begins with the text stands before one that holds it, whoever has more listeners."""
        search = named([("a mare", "x", 99), ("mare", "y", 1), ("z", "Mar Azul", 7), ("nothing", "z", 50)])
        assert search.find("mar", 5).cols.tolist() == [2, 1, 0]

    @pytest.mark.parametrize("typed", ["b c", "b\nc", " ", "\n", "none", "null"])
    def test_nothing_is_found_where_nothing_stands(self, typed):
        """Not across title and artist, not for spaces alone, not the word for a missing name."""
        assert not len(named([("a b", "c d", 3), (None, None, 2), ("", "", 1)]).find(typed, 5).cols)

    @given(
        names=st.lists(
            st.tuples(st.text("abé ", max_size=5), st.none() | st.text("abé ", max_size=5), st.integers(0, 3)),
            min_size=1,
            max_size=12,
        ),
        typed=st.text("abÉ", min_size=1, max_size=3),
        limit=st.integers(1, 4),
    )
    @example(names=[("ba", None, 3), ("ba", None, 3), ("ba", None, 2), ("a", None, 1)], typed="a", limit=1)
    @settings(max_examples=40)
    def test_slice_by_slice_is_the_same_as_all_at_once(self, names, typed, limit):
        """Against a plain loop over all names, though the search stops as soon as it has enough."""

        def rank(col):
            title, artist, listeners = names[col]
            texts = [folded(pa.array([text or ""]))[0].as_py() for text in (title, artist)]
            found = folded(pa.array([typed]))[0].as_py()
            assert found
            begins = any(text.startswith(found) for text in texts)
            return (not begins, -listeners, col) if any(found in text for text in texts) else None

        expected = [place[2] for place in sorted(filter(None, map(rank, range(len(names)))))]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(names_search, "SLICE", 2)
            hits = named(names).find(typed, limit)
        assert hits.cols.tolist() == expected[:limit]
        assert hits.more == (len(expected) > limit)

    def test_a_very_long_title_costs_no_more_than_a_long_one(self):
        """Its beginning is found, and what is kept of it is bounded."""
        search = named([("y" * 1_000_000, "ﷺ" * 1_000_000, 1)])
        assert search.find("yyy", 5).cols.tolist() == [0]
        assert len(search._names[0].as_py()) <= 2 * names_search.LONGEST + len(BETWEEN)


class TestSideBySide:
    def test_each_track_says_where_it_stands_in_the_other_list(self):
        """Higher, lower, at the same place, or only here."""
        here, there = ([Track(track_id, None, None, 0.0) for track_id in ids] for ids in ("abcd", "acbe"))
        assert marks(here, there) == ("same", "+1", "-1", "only")
        assert marks(there, here) == ("same", "+1", "-1", "only")

    def test_the_page_counts_what_two_releases_share(self, ask, finished):
        """The sentence and the marks are those of the two lists that the library gives."""
        lists = [[t.track_id for t in Reader(finished.store, n).recommend(LISTENER, 20).tracks] for n in (3, 1)]
        both = set(lists[0]) & set(lists[1])
        assert 0 < len(both) < 20
        page = ask(listener=LISTENER, a="3", b="1", k="20")
        assert page.status_code == 200
        assert f"{len(both)} of 20 tracks are in both lists" in page.text
        assert page.text.count("only here") == 2 * (20 - len(both))
        shown = re.findall(r"track=(\d+)", page.text)
        assert shown == [str(track_id) for found in lists for track_id in found]

    def test_a_release_beside_itself_changes_nothing(self, ask):
        """The live one against its own number."""
        assert "Both lists hold the same 10 tracks, in the same order." in ask(listener=LISTENER, b="3").text

    def test_a_damaged_release_hides_the_other_one_not(self, client, copied):
        """One column says what is wrong, and the other answers."""
        damage(part(copied, 2, "gated") / "index.ann")
        page = client(copied).get("/ask", params={"listener": LISTENER, "a": "2", "b": "3"})
        assert page.status_code == 503
        assert "differs from the checksum" in page.text
        assert page.text.count('title="Tracks like this one"') == 10


class TestPage:
    def test_an_unknown_listener_is_told_and_gets_the_popular_tracks(self, ask, finished):
        """The same as the library's answer, with a sentence, by page and as JSON."""
        popular = [str(track.track_id) for track in Reader(finished.store).recommend(NOBODY).tracks]
        page, found = ask(listener=NOBODY), ask("/recommend", listener=NOBODY).json()
        assert f"does not know listener <bdi>{NOBODY}</bdi>" in page.text
        assert re.findall(r"track=(\d+)", page.text) == popular == [track["track_id"] for track in found["tracks"]]
        assert (found["known"], found["popular"]) == (False, True)

    def test_a_track_without_plays_says_so(self, ask, finished):
        """No list, but the reason; 404 for the program that asked."""
        bundle = Reader(finished.store).bundle
        col = int((bundle.gated.search.tracks.col_ranks < 0).nonzero()[0][0])
        track = str(bundle.gated.tracks.ids[col].as_py())
        assert "has no plays to learn from yet" in unescape(ask(track=track).text)
        assert ask("/similar", track=track).status_code == 404

    def test_a_track_is_answered_by_its_name(self, ask, finished):
        """The page names what was asked, and lists what the library finds."""
        track = ask("/tracks", text="märta").json()["tracks"][0]
        similar = ask("/similar", track=track["track_id"], k=4, release=2).json()
        expected = Reader(finished.store, 2).similar(track["track_id"], 4)
        assert [t["track_id"] for t in similar["tracks"]] == [str(t.track_id) for t in expected.tracks]
        assert similar["like"]["title"] == track["title"]
        assert f"Like {track['title']} by {track['artist']}" in unescape(ask(track=track["track_id"]).text)

    def test_a_text_leads_to_the_listener_or_to_the_tracks(self, ask):
        """A known id asks for the listener, keeping the releases; a name lists tracks, each a link that keeps them."""
        answer = ask(text=LISTENER, a="2", b="1", k="7")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/ask?listener={LISTENER}&a=2&b=1&k=7")
        assert ask(text=NOBODY).headers["location"] == f"/ask?listener={NOBODY}"
        page = ask(text="marling", a="2")
        assert re.search(r'href="/ask\?track=\d+&amp;a=2"', page.text)
        assert "bears <bdi>&lt;b&gt;</bdi>" in ask(text="<b>").text

    def test_a_track_is_found_by_its_id(self, ask, finished):
        """Also where the catalogue gives no name; the listener of that number is offered beside it."""
        track = str(Reader(finished.store).bundle.gated.tracks.ids[17].as_py())
        found = ask("/tracks", text=track).json()
        assert found["tracks"][0]["track_id"] == track
        assert found["listener"] in ("known", "unknown")
        assert ask("/tracks", text="marling").json()["listener"] == ""

    @pytest.mark.parametrize(
        ("path", "given", "status", "said"),
        [
            ("/recommend", {"listener": LISTENER, "k": "0"}, 422, "Ask for 1 to 100"),
            ("/recommend", {"listener": LISTENER, "k": "101"}, 422, "Ask for 1 to 100"),
            ("/recommend", {"listener": LISTENER, "k": "1e1"}, 422, "Ask for 1 to 100"),
            ("/recommend", {}, 422, "Say listener="),
            ("/recommend", {"listener": "x" * 201}, 422, "Shorten it"),
            ("/recommend", {"listener": "x"}, 404, "is no id of this service"),
            ("/recommend", {"listener": LISTENER, "release": "4"}, 404, "There is no release 4"),
            ("/recommend", {"listener": LISTENER, "release": "../1"}, 422, "no number of a release"),
            ("/recommend", {"listener": LISTENER, "release": "9" * 13}, 422, "no number of a release"),
            ("/similar", {"track": NOBODY}, 404, "knows no track"),
            ("/similar", {"track": "5", "k": "-3"}, 422, "Ask for 1 to 100"),
            ("/tracks", {"text": " "}, 422, "Say text="),
            ("/tracks", {"text": "x" * 201}, 422, "Shorten it"),
            ("", {"listener": LISTENER, "k": "101"}, 422, "Ask for 1 to 100"),
            ("", {"listener": LISTENER, "b": "4"}, 404, "There is no release 4"),
            ("", {"listener": LISTENER, "track": "5"}, 422, "not for two of them at once"),
        ],
    )
    def test_a_wrong_question_gets_words(self, ask, path, given, status, said):
        """Numbers, lengths and names are checked before anything is opened; the answer says what is wrong."""
        answer = ask(path, **given)
        assert answer.status_code == status
        assert said in (answer.json()["error"] if path else unescape(answer.text))

    @pytest.mark.parametrize("k", ["1", "100"])
    def test_the_bounds_themselves_are_answered(self, ask, k):
        """From 1 to 100 tracks."""
        assert len(ask("/recommend", listener=LISTENER, k=k).json()["tracks"]) == int(k)

    def test_a_store_without_a_release_says_so(self, client, copied):
        """The page stands, and says when there will be somebody to ask; programs get 404."""
        remove_tree(copied.store.root, log_path(copied.store))
        server = client(copied)
        assert "Nothing has been published yet" in server.get("/ask").text
        assert server.get("/ask/recommend", params={"listener": LISTENER}).status_code == 404

    def test_a_bound_that_is_no_number_is_named(self, ask, monkeypatch):
        """A slip in the server's environment is told, instead of taken for some number."""
        monkeypatch.setenv(readers.MEMORY, "4 GB")
        answer = ask("/recommend", listener=LISTENER)
        assert (answer.status_code, readers.MEMORY in answer.json()["error"]) == (503, True)

    def test_whatever_a_title_holds_is_shown_as_text(self, client, copied):
        """HTML, letters from right to left, no title at all, a very long one: escaped, set apart, cut."""
        names = rename(copied, WEIRD)
        server = client(copied)
        page = server.get("/ask", params={"listener": NOBODY, "k": "100"})
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert f'<bdi class="title">{WEIRD[1].replace("&", "&amp;")}</bdi>' in page.text
        assert "x" * 201 not in page.text
        assert re.search(r'<bdi class="title">track \d+</bdi>', page.text)
        found = server.get("/ask/tracks", params={"text": "<SCRIPT>"}).json()["tracks"]
        assert len(found) == 20
        assert {track["title"] for track in found} == {WEIRD[0]}
        assert [t["listeners"] for t in found] == sorted(names, reverse=True)[:20]


def rename(at, titles):
    """Give the tracks of the live release these titles in turn; listeners of those with the first one."""
    live, path = read_log(at.store).require_live(), part(at, 3, "names")
    table = pq.read_table(path / "names.parquet", memory_map=False)
    renamed = pa.array([titles[n % len(titles)] for n in range(len(table))], pa.string())
    (path / "names.parquet").chmod(0o644)
    pq.write_table(table.set_column(0, "title", renamed), path / "names.parquet")
    reseal(path)
    parts = live.parts | {"names": sha256_of(path / "manifest.json")}
    entry_path = log_path(at.store) / "3.json"
    entry_path.chmod(0o644)
    entry_path.write_bytes(Entry.to_bytes(replace(live, parts=parts)))
    return table.column("listeners").to_pylist()[:: len(titles)]


def flip(path):
    """One byte of the index."""
    damage(path / "gated" / "index.ann")


def cut(path):
    """Half of the index."""
    file = path / "gated" / "index.ann"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def foreign(path):
    """A manifest that vouches for itself, but is not the one that was published."""
    reseal(path / "gated", figures={})


def gone(path):
    """What retention does."""
    remove_tree(path.parents[1], path)


BROKEN = {
    flip: "differs from the checksum",
    cut: "bytes where its manifest says",
    foreign: "is not the manifest that release 2 was published with",
    gone: "is gone: retention keeps",
}


class TestDamage:
    @pytest.mark.parametrize("opened_before", [False, True])
    @pytest.mark.parametrize("how", BROKEN)
    def test_a_broken_release_is_an_error_and_the_others_answer(self, client, copied, how, opened_before):
        """Also one that was open when it broke: it is let go before anything reads a page that is not there."""
        server = client(copied)
        asked = {"listener": LISTENER, "release": "2"}
        if opened_before:
            assert server.get("/ask/recommend", params=asked).status_code == 200
        how(part(copied, 2, "gated").parent)
        for _ in range(2):
            answer = server.get("/ask/recommend", params=asked)
            assert (answer.status_code, BROKEN[how] in answer.json()["error"]) == (503, True)
            assert server.get("/ask/recommend", params={"listener": LISTENER}).status_code == 200

    def test_a_damaged_log_is_told(self, client, copied):
        """Nobody knows what is live: 503 with the words of the library."""
        damage(log_path(copied.store) / "3.json")
        answer = client(copied).get("/ask/recommend", params={"listener": LISTENER})
        assert (answer.status_code, "not a sound log entry" in answer.json()["error"]) == (503, True)

    def test_what_nobody_foresaw_is_told_too(self, finished):
        """An opening that ends in an error of a library is a refusal with its words."""

        def opens(store, release):
            raise pa.ArrowInvalid("a surprise")

        asked = Readers(finished.store, opens=opens)
        for _ in range(2):
            with pytest.raises(CorruptArtefact, match=r"cannot be opened .*a surprise"):
                asked.ask(entry(finished, 3), recommend)


class TestReaders:
    def test_the_live_one_is_the_one_of_the_log(self, client, copied):
        """After a rollback the next question without a release is answered by the release that is live then."""
        server = client(copied)
        assert server.get("/ask/recommend", params={"listener": LISTENER}).json()["release"] == 3
        roll_back(copied, 1, SIGNED)
        assert server.get("/ask/recommend", params={"listener": LISTENER}).json()["release"] == 1
        assert "live: release 1" in server.get("/ask").text

    def test_the_one_asked_longest_ago_is_let_go_and_unmapped(self, copied, monkeypatch):
        """Two are kept; the third closes the first, whose files the process then maps no more."""
        monkeypatch.setattr(readers, "KEPT", 2)
        asked = Readers(copied.store)
        for release in (1, 2, 1, 3):
            asked.ask(entry(copied, release), recommend)
        assert asked.kept == [1, 3]
        mapped = Path("/proc/self/maps").read_text()
        paths = {release: str(part(copied, release, "gated").parent) for release in (1, 2, 3)}
        assert {release: path in mapped for release, path in paths.items()} == {1: True, 2: False, 3: True}

    def test_a_question_keeps_the_release_that_it_runs_on(self, copied, monkeypatch):
        """Let go while a question runs, its files stay mapped until the answer is there."""
        monkeypatch.setattr(readers, "KEPT", 1)
        asked, began, go_on, answers = Readers(copied.store), Event(), Event(), []

        def slowly(opened):
            began.set()
            assert go_on.wait(30)
            return opened.reader.recommend(LISTENER, 3)

        thread = Thread(target=lambda: answers.append(asked.ask(entry(copied, 1), slowly)))
        thread.start()
        assert began.wait(30)
        asked.ask(entry(copied, 2), recommend)
        assert asked.kept == [2]
        gone(part(copied, 1, "gated").parent)
        go_on.set()
        thread.join(30)
        assert len(answers[0].tracks) == 3

    def test_a_slow_opening_goes_on_and_is_made_once(self, finished):
        """Who asks meanwhile is told to ask again; the next finds it open, and nobody opened it a second time."""
        may_open, opened = Event(), []

        def opens(store, release):
            opened.append(release)
            assert may_open.wait(30)
            return Reader(store, release)

        asked = Readers(finished.store, patience=0.02, opens=opens)
        for _ in range(3):
            with pytest.raises(TooSlow, match="still being opened"):
                asked.ask(entry(finished, 3), recommend)
        may_open.set()
        asked.patience = 30
        assert asked.ask(entry(finished, 3), recommend).release == 3
        assert asked.ask(entry(finished, 3), recommend).release == 3
        assert opened == [3]

    def test_a_slow_opening_does_not_hold_up_what_is_open(self, finished):
        """While one release is being opened, another one answers."""
        may_open = Event()

        def opens(store, release):
            assert release == 3 or may_open.wait(30)
            return Reader(store, release)

        asked = Readers(finished.store, opens=opens)
        asked.ask(entry(finished, 3), recommend)
        with pytest.raises(TooSlow):
            asked.ask(entry(finished, 2), recommend, until=0.0)
        assert asked.ask(entry(finished, 3), recommend).release == 3
        may_open.set()

    def test_a_question_that_takes_too_long_is_given_up(self, finished):
        """The one who asks gets an answer in words, and the next question is answered."""
        go_on = Event()
        asked = Readers(finished.store)
        asked.ask(entry(finished, 3), recommend)
        asked.patience = 0.02
        with pytest.raises(TooSlow, match="did not answer in time"):
            asked.ask(entry(finished, 3), lambda opened: go_on.wait(30))
        go_on.set()
        asked.patience = 30
        assert asked.ask(entry(finished, 3), recommend).release == 3

    def test_only_so_many_wait(self, finished, monkeypatch):
        """One more is refused at once, and is welcome when the first has gone."""
        monkeypatch.setattr(readers, "WAITING", 1)
        asked, began, go_on = Readers(finished.store), Event(), Event()
        slow = Thread(target=lambda: asked.ask(entry(finished, 3), lambda opened: began.set() or go_on.wait(30)))
        slow.start()
        assert began.wait(30)
        with pytest.raises(TooBusy, match="Ask again"):
            asked.ask(entry(finished, 3), recommend)
        go_on.set()
        slow.join(30)
        assert asked.ask(entry(finished, 3), recommend).release == 3

    def test_a_release_above_the_bound_is_refused_before_it_is_opened(self, finished):
        """The refusal names the sizes and the variable; nothing was opened."""
        entries = [entry(finished, 3), entry(finished, 2)]
        sizes = [memory_of(files_of(finished.store, each)) for each in entries]
        small = Readers(finished.store, limit=sizes[0] - 1, opens=lambda *_: pytest.fail("it was opened"))
        with pytest.raises(TooLarge, match=rf"{sizes[0] / 1e6:,.0f} MB for release 3.*{readers.MEMORY}"):
            small.ask(entries[0], recommend)
        enough = Readers(finished.store, limit=max(sizes))
        enough.ask(entries[0], recommend)
        enough.ask(entries[1], recommend)
        assert enough.kept == [2]
        with pytest.raises(TooLarge, match=r"and .* for release 2"):
            columns_of(enough, read_log(finished.store), Question(LISTENER, a=3, b=2))

    def test_the_bound_counts_what_is_unpacked(self, finished):
        """Tables lie packed on the disk: the names in memory, with their search, are within what was counted."""
        opened = Readers(finished.store).ask(entry(finished, 3), lambda opened: opened)
        bundle = opened.reader.bundle
        taken = bundle.names.table.nbytes + opened.names._names.nbytes + bundle.gated.tracks.ids.nbytes
        packed = tuple(file for file in opened.files if file[0].endswith(".parquet"))
        assert sum(size for _, _, size, _ in packed) < taken < memory_of(packed)

    def test_the_page_tells_the_refusal(self, ask, monkeypatch):
        """The server's variable is heeded: 503, and what to set."""
        monkeypatch.setenv(readers.MEMORY, "1")
        for answer in (ask(listener=LISTENER), ask(text="marling"), ask("/recommend", listener=LISTENER)):
            assert (answer.status_code, readers.MEMORY in answer.text) == (503, True)


class TestAddresses:
    def test_an_address_repeats_the_question(self):
        """What a page was asked is what its own address asks again; what is the default is left out."""
        for question in (Question(listener="5", a=2, b=1, k=20), Question(track="a&b=c"), Question(text="é", b=3)):
            assert parse_question(question.address()) == question
        assert Question(listener="5").address() == {"listener": "5"}
        assert Question(listener="5", b=2).address(track="7") == {"track": "7", "b": "2"}

    @pytest.mark.parametrize("release", ["0", "01", "-1", "1.0", "١", "live ", "1" * 13])
    def test_a_release_is_digits_alone(self, release):
        """Or nothing, or the word live."""
        with pytest.raises(ConfigError, match="no number of a release"):
            parse_question({"a": release})
        assert parse_question({"a": "live", "b": ""}) == Question()
