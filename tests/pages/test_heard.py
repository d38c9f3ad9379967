"""A listener's own history beside their list, and a listener drawn at random."""

import re
import shutil

import numpy as np
from pages_store import LISTENER, NOBODY

from recsys_tasks.pages.heard import history_of, listener_at
from recsys_tasks.pages.readers import Opened
from recsys_tasks.serving.reader import Reader


def opened(at):
    """The live release, open."""
    return Opened(Reader(at.store), ())


class TestHistory:
    def test_the_tracks_are_those_of_the_play_matrix_with_its_counts(self, finished):
        """Each track that the listener played, with how often, the most played first."""
        day = finished.releases.log().require_live().day
        (digest,) = finished.matrices.digests(day)
        matrix = finished.matrices.load(day, digest)
        n = int(np.flatnonzero(np.diff(matrix.counts.indptr) == 20)[0])
        row, found = matrix.counts[n], history_of(opened(finished), finished.store, str(matrix.users.ids[n]))
        ids = np.asarray(matrix.tracks.ids)[row.indices]
        assert found.counted
        assert found.total == len(ids) == 20
        assert {each.track.track_id: each.plays for each in found.tracks} == dict(zip(ids, row.data, strict=True))
        assert [each.plays for each in found.tracks] == sorted(row.data, reverse=True)

    def test_without_the_matrix_the_titles_stay(self, copied):
        """Retention removed it: the tracks come by their listeners, and nothing is said of plays."""
        shutil.rmtree(copied.store.root / "matrices")
        found = history_of(opened(copied), copied.store, LISTENER)
        assert found.counted is False
        assert {each.plays for each in found.tracks} == {None}
        scores = [each.track.score for each in found.tracks]
        assert scores == sorted(scores, reverse=True)

    def test_nobody_has_no_history(self, finished):
        """An id that the release does not know."""
        assert history_of(opened(finished), finished.store, NOBODY).tracks == ()


class TestPage:
    def test_it_stands_beside_the_list(self, ask, finished):
        """Known: a table of its own. Unknown: the popular tracks alone."""
        page = ask(listener=LISTENER).text.partition('id="history"')[2]
        found = history_of(opened(finished), finished.store, LISTENER)
        assert re.findall(r"track=(\d+)", page) == [str(each.track.track_id) for each in found.tracks]
        assert "What they have played" not in ask(listener=NOBODY).text

    def test_a_random_listener_is_one_of_the_release(self, ask, finished):
        """The button leads to a listener whom the release knows, and keeps which releases are asked."""
        assert 'href="/ask/random?a=2' in ask(a="2").text
        answer = ask("/random", a="2", k="5")
        listener = re.fullmatch(r"/ask\?listener=(\d+)&a=2&k=5", answer.headers["location"]).group(1)
        assert answer.status_code == 303
        assert int(listener) in Reader(finished.store, 2).bundle.users.ids.to_pylist()
        assert ask("/random", a="99").status_code == 404

    def test_every_number_draws_somebody(self, finished):
        """Counted again from the first behind the last."""
        release, n = opened(finished), len(Reader(finished.store).bundle.users.ids)
        assert listener_at(release, 0) == listener_at(release, n) != listener_at(release, 1)
