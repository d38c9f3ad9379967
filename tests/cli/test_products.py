"""The commands that ask a release for lists, as a person types them."""

import json
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from recsys_tasks.cli.main import main
from recsys_tasks.cli.products import in_brackets
from recsys_tasks.products.lists import Track
from recsys_tasks.serving.opened import Answered
from recsys_tasks.serving.reader import Reader


@pytest.fixture
def ask(finished, capsys):
    """A command against the finished store: exit code, output, what was said on standard error."""

    def asked(*words):
        code = main(list(words), {"RECSYS_ROOT": str(finished.store.root), "USER": "olga"})
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


def test_a_list_with_reasons_names_played_tracks(ask, finished):
    """Discover names, for most tracks, one that the listener played."""
    code, out, _ = ask("recommend", "5", "--list", "discover", "--json")
    played = {track.track_id for _, track in Reader(finished.store).played(5)}
    reasons = [track["because"]["track_id"] for track in json.loads(out)["tracks"] if track["because"]]
    assert code == 0
    assert len(reasons) >= 5
    assert set(reasons) <= played
    assert "because you played" in ask("recommend", "5", "--list", "discover")[1]


@pytest.mark.parametrize(
    ("title", "artist", "words"),
    [
        ("Fever", "Mabel Elling", " (Fever by Mabel Elling)"),
        ("Fever", None, " (Fever)"),
        (None, None, ""),
    ],
)
def test_a_track_is_named_by_what_is_known_of_it(title, artist, words):
    """A catalogue may be without artists, and a track without a name."""
    assert in_brackets(title, artist) == words


def test_new_releases_came_out_of_late(ask, finished):
    """The list of new releases holds tracks of the days before the newest data alone."""
    code, out, _ = ask("recommend", "5", "--list", "new_releases", "--json")
    opened = Reader(finished.store).opened
    new = opened.products.new_tracks()
    ids = opened.bundle.gated.tracks.ids.filter(pa.array(new)).to_pylist()
    found = [track["track_id"] for track in json.loads(out)["tracks"]]
    assert code == 0
    assert found
    assert set(found) <= set(ids)


def test_an_unknown_listener_is_shown_whole_numbers_of_listeners(ask):
    """The popular tracks stand beside how many listened, which is no fraction."""
    code, out, err = ask("recommend", "99999999", "-k", "2")
    assert (code, "does not know listener" in err) == (1, True)
    assert all(row.split()[-1].replace(",", "").isdigit() for row in out.splitlines()[3:])


def test_listeners_that_fade_are_told_as_those_of_late(ask, monkeypatch):
    """Where popular tracks are by recent plays, their scores are no whole numbers of listeners, nor told as such."""
    popular = Answered(3, False, (Track(7, "Fever", "Mabel Elling", 18.8416),), popular=True)
    monkeypatch.setattr("recsys_tasks.serving.asked.for_listener", lambda *_: popular)
    out = ask("recommend", "99999999")[1]
    assert "listeners of late" in out
    assert out.split()[-1] == "18.8416"


def test_nothing_is_on_repeat_with_an_unknown_listener(ask, monkeypatch):
    """Which is said, in place of a table without a row."""
    monkeypatch.setattr("recsys_tasks.serving.asked.for_listener", lambda *_: Answered(3, False, (), popular=True))
    out = ask("recommend", "99999999", "--list", "on_repeat")[1]
    assert out == "Release 3 does not know listener 99999999: nothing.\n"


def test_tracks_stand_for_an_unknown_listener_and_a_playlist(ask, finished):
    """Who played some tracks gets a list of others, and a playlist goes on."""
    tracks = [str(track.track_id) for _, track in Reader(finished.store).played(5)[:4]]
    for option in ("--played", "--playlist"):
        code, out, _ = ask("recommend", option, *tracks, "--json")
        listed = [str(track["track_id"]) for track in json.loads(out)["tracks"]]
        assert code == 0
        assert len(listed) == 10
        assert not set(listed) & set(tracks)


def test_tracks_like_a_track_keep_to_a_filter(ask, finished):
    """Only tracks that were released after a day are listed, the nearest of them first."""
    track = str(Reader(finished.store).recommend(5).tracks[0].track_id)
    code, out, _ = ask("similar", track, "--released-after", "2025-06-01", "-k", "5", "--json")
    names = Reader(finished.store).bundle.names.table
    tracks = Reader(finished.store).bundle.gated.tracks
    found = [each["track_id"] for each in json.loads(out)["tracks"]]
    cols = tracks.rows_of(pa.array(found, tracks.ids.type))
    assert code == 0
    assert len(found) == 5
    assert min(names["released_on"].take(pa.array(cols)).to_pylist()) > date(2025, 6, 1)


def test_related_artists_and_radio_have_names(ask, finished):
    """An artist's name leads to others, and a radio from it plays twenty tracks, the same ones on the same day."""
    artist = Reader(finished.store).recommend(5).tracks[0].artist
    assert artist in ask("related", artist)[1]
    first, again = (ask("radio", "--artist", artist, "--day", "2026-01-20", "--json") for _ in range(2))
    assert first == again
    assert len({track["track_id"] for track in json.loads(first[1])["tracks"]}) == 20


def test_everybodys_lists_go_into_a_file(ask, finished, tmp_path):
    """Sorted by listener, ranked from 1, the same tracks as one listener gets who asks alone."""
    code, out, _ = ask("export", "discover", str(tmp_path / "lists.parquet"), "-k", "5")
    table = pq.read_table(tmp_path / "lists.parquet")
    users = table["user_id"].to_pylist()
    assert code == 0
    assert f"{len(table):,}".replace(",", "") in out.replace(",", "").replace(" ", "")
    assert users == sorted(users)
    mine = table.filter(pc.equal(table["user_id"], 5)).to_pydict()
    alone = json.loads(ask("recommend", "5", "--list", "discover", "-k", "5", "--json")[1])["tracks"]
    assert mine["rank"] == [1, 2, 3, 4, 5]
    assert mine["track_id"] == [track["track_id"] for track in alone]
    assert mine["reason"] == [track["because"] and track["because"]["track_id"] for track in alone]
    assert [path.name for path in tmp_path.iterdir()] == ["lists.parquet"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recommend",), "one of the three"),
        (("recommend", "5", "--playlist", "6"), "one of the three"),
        (("recommend", "5", "--list", "on_repeat"), "own_half_life_days"),
        (("recommend", "5", "--range", "tempo", "100", "130"), "knows no 'tempo'"),
        (("recommend", "5", "--range", "tempo", "fast", "130"), "no number"),
        (("recommend", "5", "--range", "plays", "nan", "inf"), "Nothing lies between nan and inf"),
        (("recommend", "5", "--range", "plays", "9", "3"), "Nothing lies between 9 and 3"),
        (("recommend", "--played", "99999999"), "knows no track '99999999'"),
        (("recommend", "--played", "99999998", "99999999"), "knows none of these 2 tracks"),
        (("recommend", "5", "--explicit", "no"), "[products] explicit"),
        (("related", "nobody at all"), "no artist"),
        (("radio",), "begins with something"),
    ],
)
def test_what_cannot_be_answered_is_said(ask, words, said):
    """One line says what is missing, and the exit code is not 0."""
    code, out, err = ask(*words)
    assert code in {1, 2}
    assert said in err
    assert out == ""
