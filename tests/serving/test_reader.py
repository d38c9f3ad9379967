"""The reader of the live release: sound answers or none, a switch without a pause, from whatever store."""

from datetime import date

import pytest
from memory_store import MemoryStore
from settings import SIGNED, damage, run

from recsys_tasks.core.errors import ConfigError, CorruptArtefact, NoRelease, UnknownId
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.release.releases import entry_name
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import roll_back


def live_bundle(at):
    """Directory of the live bundle."""
    return at.store.root / bundle_name(at.releases.log().require_live().candidate)


def in_memory(root):
    """The releases of a store on the disk, in memory."""
    store = MemoryStore()
    for path in [found for kind in ("bundles", "releases") for found in (root / kind).rglob("*") if found.is_file()]:
        store.replace(str(path.relative_to(root)), path.read_bytes())
    return store


class TestAnswers:
    def test_nobody_is_shown_what_they_played(self, finished):
        """The lists of many listeners hold none of their tracks, ten each, best first."""
        reader = Reader(finished.store)
        users, tracks = reader.bundle.users, reader.bundle.gated.tracks.ids
        for row in range(0, len(users.ids), 97):
            answer = reader.recommend(users.ids[row].as_py())
            played = {tracks[int(c)].as_py() for c in users.cols[users.indptr[row] : users.indptr[row + 1]]}
            assert not played & {track.track_id for track in answer.tracks}
            assert len(answer.tracks) == 10
            assert sorted((t.score for t in answer.tracks), reverse=True) == [t.score for t in answer.tracks]

    def test_an_unknown_listener_gets_the_popular_tracks_and_is_told(self, finished):
        """A listener whom the release does not know is shown what most others played."""
        answer = Reader(finished.store).recommend(10**9)
        assert not answer.known
        assert answer.tracks[0].score >= answer.tracks[-1].score > 1
        assert answer.tracks[0].title

    def test_a_track_that_nobody_knows_is_said(self, finished):
        """Neither an unknown id nor an id of another kind is answered with a list."""
        for wanted in (10**9, "a title"):
            with pytest.raises(UnknownId):
                Reader(finished.store).similar(wanted)

    @pytest.mark.parametrize("k", [0, -1, 10_001, 10**9])
    def test_a_list_of_nothing_is_refused(self, finished, k):
        """Both ways of asking want a positive length."""
        reader = Reader(finished.store)
        for ask in (reader.recommend, reader.similar):
            with pytest.raises(ConfigError):
                ask(5, k)

    def test_a_store_without_a_release_has_no_reader(self, store):
        """Nothing is live: that is an error of its own."""
        with pytest.raises(NoRelease):
            Reader(store)

    def test_another_store_answers_the_same(self, finished):
        """A release that is fetched from a store that is no disk is verified and asked like any other."""
        there, here = Reader(in_memory(finished.store.root)), Reader(finished.store)
        listeners = [here.bundle.users.ids[row].as_py() for row in range(0, len(here.bundle.users.ids), 97)]
        assert [there.recommend(who) for who in listeners] == [here.recommend(who) for who in listeners]
        track = here.recommend(listeners[0]).tracks[0].track_id
        assert there.similar(track) == here.similar(track)


class TestSwitching:
    def test_it_switches_to_a_newer_release(self, copied):
        """A reader that is open moves to the next release, and keeps its own when the next is damaged."""
        reader = Reader(copied.store, 2)
        assert reader.refresh() is None
        assert reader.entry.release == 3
        run(copied, date(2026, 1, 16))
        damage(live_bundle(copied) / "gated" / "index.ann")
        assert "release 3 is kept" in reader.refresh()
        assert len(reader.recommend(5).tracks) == 10
        with pytest.raises(CorruptArtefact, match=r"index\.ann"):
            Reader(copied.store)

    def test_it_follows_a_rollback_and_opens_nothing_twice(self, copied):
        """An older release goes live by an entry of its own; a pin of what is open changes nothing."""
        reader = Reader(copied.store)
        roll_back(copied, 1, SIGNED)
        assert reader.refresh() is None
        assert reader.entry.release == 1
        bundle = reader.bundle
        assert reader.refresh() is None
        assert reader.bundle is bundle

    def test_a_log_that_ends_too_early_is_not_followed(self, copied):
        """The newest entry was removed: the reader keeps what it has, and says why."""
        reader = Reader(copied.store)
        copied.store.remove(entry_name(3))
        assert "The log ends before entry 3" in reader.refresh()
        assert reader.entry.release == 3


class TestDamage:
    @pytest.mark.parametrize("pattern", ["gated/index.ann", "gated/*.npy", "names/*", "users-*/*.npy"])
    def test_a_damaged_bundle_is_never_answered_from(self, copied, pattern):
        """One flipped byte in any part of the live bundle: readers refuse, and name the file."""
        live = live_bundle(copied)
        for path in live.glob(pattern):
            damage(path)
        with pytest.raises(CorruptArtefact, match=live.name):
            Reader(copied.store)

    def test_damage_in_another_store_is_seen_too(self, finished):
        """One flipped byte of an object that is fetched: refused, and what was fetched is not asked."""
        store = in_memory(finished.store.root)
        name = next(name for name in store.objects if name.startswith("bundles/") and name.endswith("index.ann"))
        content = bytearray(store.read(name))
        content[len(content) // 2] ^= 0xFF
        store.replace(name, bytes(content))
        with pytest.raises(CorruptArtefact, match=r"index\.ann"):
            Reader(store, next(n for n in (1, 2, 3) if finished.releases.log().release(n).candidate[:16] in name))
