"""The page *Try it*: two releases side by side, unknown listeners, wrong questions, and names as text."""

import re
from html import unescape

import pyarrow as pa
import pytest
from pages_store import LISTENER, NOBODY, change_names, part
from settings import damage

from recsys_tasks.pages import readers
from recsys_tasks.pages.asking import marks
from recsys_tasks.release.releases import LOG
from recsys_tasks.serving.reader import Reader

WEIRD = ["<script>alert(1)</script>", "משה & “Friends”", "x" * 5000, "", "Dérive"]


class TestSideBySide:
    def test_each_track_says_where_it_stands_in_the_other_list(self):
        """Higher, lower, at the same place, or only here."""
        assert marks("abcd", "acbe") == ("same", "+1", "-1", "only")
        assert marks("acbe", "abcd") == ("same", "+1", "-1", "only")

    def test_the_page_counts_what_two_releases_share(self, ask, finished):
        """The sentence and the marks are those of the two lists that the library gives."""
        listener = "1"  # whose lists two days have changed
        lists = [[t.track_id for t in Reader(finished.store, n).recommend(listener, 20).tracks] for n in (3, 1)]
        both = set(lists[0]) & set(lists[1])
        assert 0 < len(both) < 20
        page = ask(listener=listener, a="3", b="1", k="20")
        assert page.status_code == 200
        assert f"{len(both)} of 20 tracks are in both lists" in page.text
        assert page.text.count("only here") == 2 * (20 - len(both))
        shown = re.findall(r"track=(\d+)", page.text.partition('id="history"')[0])
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
        assert page.text.partition('id="history"')[0].count('title="Tracks like this one"') == 10


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
        copied.store.remove(LOG)
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

    def renamed(table):
        given = pa.array([titles[n % len(titles)] for n in range(len(table))], pa.string())
        return table.set_column(0, "title", given)

    return change_names(at, renamed).column("listeners").to_pylist()[:: len(titles)]
