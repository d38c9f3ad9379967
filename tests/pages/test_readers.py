"""Open releases: few, within memory and time, closed when they are replaced, and each opened once."""

from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pyarrow as pa
import pytest
from log_entries import entry as log_entry
from pages_store import LAST, LISTENER, entry, gone, part, recommend
from settings import SIGNED

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.pages import readers
from recsys_tasks.pages.asking import columns_of
from recsys_tasks.pages.lists import Terms
from recsys_tasks.pages.questions import Question
from recsys_tasks.pages.readers import COPIES, Limits, Readers, TooBusy, TooLarge, TooSlow, memory_of
from recsys_tasks.products.related import RelatedArtists
from recsys_tasks.release.bundles import part_name
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import roll_back
from recsys_tasks.storage.posix import PosixStore

TERMS = Terms(ProductsConfig(), LAST)


class TestReaders:
    def test_the_live_one_is_the_one_of_the_log(self, client, copied):
        """After a rollback the next question without a release is answered by the release that is live then."""
        server = client(copied)
        assert server.get("/ask/recommend", params={"listener": LISTENER}).json()["release"] == 3
        roll_back(copied, 1, SIGNED)
        assert server.get("/ask/recommend", params={"listener": LISTENER}).json()["release"] == 1
        assert "live: release 1" in server.get("/ask").text

    def test_the_one_asked_longest_ago_is_closed_and_unmapped(self, copied):
        """Two are kept; the third closes the first, whose files the process then maps no more."""
        asked = Readers(copied.store, Limits(releases=2))
        for release in (1, 2, 1, 3):
            asked.ask(entry(copied, release), recommend)
        assert asked.kept == [1, 3]
        mapped = Path("/proc/self/maps").read_text()
        paths = {release: str(part(copied, release, "gated").parent) for release in (1, 2, 3)}
        assert {release: path in mapped for release, path in paths.items()} == {1: True, 2: False, 3: True}

    def test_a_question_keeps_the_release_that_it_runs_on(self, copied):
        """Closed while a question runs, its files stay mapped until the answer is there."""
        asked, began, go_on, answers = Readers(copied.store, Limits(releases=1)), Event(), Event(), []

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

        asked = Readers(finished.store, Limits(patience=30), open_reader=opens)
        for _ in range(3):
            with pytest.raises(TooSlow, match="still being opened"):
                asked.ask(entry(finished, 3), recommend, until=monotonic() + 0.02)
        may_open.set()
        assert asked.ask(entry(finished, 3), recommend).release == 3
        assert asked.ask(entry(finished, 3), recommend).release == 3
        assert opened == [3]

    def test_a_slow_opening_does_not_hold_up_what_is_open(self, finished):
        """While one release is being opened, another one answers."""
        may_open = Event()

        def opens(store, release):
            assert release == 3 or may_open.wait(30)
            return Reader(store, release)

        asked = Readers(finished.store, open_reader=opens)
        asked.ask(entry(finished, 3), recommend)
        with pytest.raises(TooSlow):
            asked.ask(entry(finished, 2), recommend, until=0.0)
        assert asked.ask(entry(finished, 3), recommend).release == 3
        may_open.set()

    def test_a_question_that_takes_too_long_is_given_up(self, finished):
        """The one who asks gets an answer in words, and the next question is answered."""
        go_on = Event()
        asked = Readers(finished.store, Limits(patience=30))
        asked.ask(entry(finished, 3), recommend)
        with pytest.raises(TooSlow, match="did not answer in time"):
            asked.ask(entry(finished, 3), lambda opened: go_on.wait(30), until=monotonic() + 0.02)
        go_on.set()
        assert asked.ask(entry(finished, 3), recommend).release == 3

    def test_only_so_many_wait(self, finished):
        """One more is refused at once, and is welcome when the first has gone."""
        asked, began, go_on = Readers(finished.store, Limits(waiting=1)), Event(), Event()
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
        sizes = [memory_of(finished.store, each) for each in entries]
        small = Readers(finished.store, Limits(memory=sizes[0] - 1), lambda *_: pytest.fail("it was opened"))
        with pytest.raises(TooLarge, match=rf"{sizes[0] / 1e6:,.0f} MB for release 3.*{readers.MEMORY}"):
            small.ask(entries[0], recommend)
        enough = Readers(finished.store, Limits(memory=max(sizes)))
        enough.ask(entries[0], recommend)
        enough.ask(entries[1], recommend)
        assert enough.kept == [2]
        with pytest.raises(TooLarge, match=r"and .* for release 2"):
            columns_of(enough, finished.releases.log(), Question(LISTENER, a=3, b=2), TERMS)

    def test_the_bound_counts_what_is_unpacked(self, finished):
        """Tables lie packed on the disk: the names in memory, with their search, are within what was counted."""
        opened = Readers(finished.store).ask(entry(finished, 3), lambda opened: opened)
        bundle = opened.reader.bundle
        taken = bundle.names.table.nbytes + opened.names._names.nbytes + bundle.gated.tracks.ids.nbytes
        arrays = sum(stamp.size for name, stamp in opened.files if name.endswith((".npy", ".ann")))
        assert taken < memory_of(finished.store, entry(finished, 3)) - arrays

    def test_the_bound_counts_what_related_artists_take(self, finished, tmp_path):
        """They keep who played whom by listener and by artist, which is beyond the files."""
        opened = Readers(finished.store).ask(entry(finished, 3), lambda opened: opened)
        related = RelatedArtists(opened.reader.opened.products.view)
        taken = sum(each.data.nbytes + each.indices.nbytes for each in (related.listening, related._of_artist))
        pairs = PosixStore(tmp_path).put(part_name("c", "users"), "c", {}, {"cols": opened.reader.bundle.users.cols})
        size = pairs.manifest.files[readers.PAIRS].size
        counted = memory_of(PosixStore(tmp_path), log_entry(1, 5, "c", parts={"users": "0"}))
        assert 0 < taken <= counted - size

    def test_names_that_hardly_take_a_place_on_the_disk_are_counted_as_what_they_take_in_memory(self, tmp_path):
        """A catalogue of one long title for every track packs a thousandfold: it is refused before it is opened."""
        store, tracks = PosixStore(tmp_path), 40_000
        names = pa.table({"title": ["x" * 500] * tracks, "artist": ["y" * 500] * tracks})
        packed = store.put(part_name("c", "names"), "c", {}, {"names": names}).manifest.files["names.parquet"]
        of_names = log_entry(1, 5, "c", parts={"names": "0"})
        assert packed.size < 40_000 < 40_000_000 < packed.unpacked <= names.nbytes
        assert memory_of(store, of_names) == COPIES * packed.unpacked
        small = Readers(store, Limits(memory=100_000_000), lambda *_: pytest.fail("it was opened"))
        with pytest.raises(TooLarge, match="161 MB for release 1"):
            small.ask(of_names, recommend)

    def test_the_page_tells_the_refusal(self, ask, monkeypatch):
        """The server's variable is heeded: 503, and what to set."""
        monkeypatch.setenv(readers.MEMORY, "1")
        for answer in (ask(listener=LISTENER), ask(text="marling"), ask("/recommend", listener=LISTENER)):
            assert (answer.status_code, readers.MEMORY in answer.text) == (503, True)
