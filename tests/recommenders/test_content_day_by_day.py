"""Content goes on from an earlier day, and finds what it would have found anew."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from recommenders.catalogues import snapshot
from scipy import sparse

from recsys_tasks.core.components import ContentConfig
from recsys_tasks.core.domain import Vocabulary, day_number
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.best_of_rows import best_of_rows, least_of_full
from recsys_tasks.recommenders.content import COUNTED_ANEW_DAYS, Content, counted_tracks
from recsys_tasks.recommenders.in_blocks import blocks_of_work
from recsys_tasks.recommenders.nearest_content import Before, nearest_content

FIRST, N_DAYS, AT_FIRST, A_DAY = date(2026, 1, 5), 26, 200, 12
CONFIG = ContentConfig(nearest=6, most_tracks=90)


def there_on(number):
    """How many tracks have been played up to a day."""
    return AT_FIRST + A_DAY * number


def day_of(number, retagged=(), gone=()):
    """A day of a service that gets 200 tracks, then twelve a day; its catalogue knows those of tomorrow.

    Args:
        number: of the day, from 0.
        retagged: tracks that have another tag than on other days.
        gone: tracks that the catalogue has lost, although they were played.
    """
    n_tracks, n_items = there_on(number), there_on(number + 1)
    rng = np.random.default_rng(3)
    tags = [[f"t{a}", f"u{b}"] for a, b in rng.integers(0, 9, (there_on(N_DAYS), 2))]
    tempo = rng.normal(120, 30, there_on(N_DAYS)).round()
    for track in retagged:
        tags[track] = ["t0", "v"]
    there = [track for track in range(n_items) if track not in gone]
    table = snapshot(
        there, [f"a{track // 5}" for track in there], tags=[tags[i] for i in there], tempo=[tempo[i] for i in there]
    )
    first = day_number(FIRST) + np.maximum(0, 1 + (np.arange(n_items) - AT_FIRST) // A_DAY)
    plays = sparse.csr_matrix((np.arange(n_items) < n_tracks).astype(np.uint32)[None])
    tracks = Vocabulary(pa.array(range(n_items), pa.int64()), first.astype(np.int32))
    data = TrainingData(plays, Vocabulary(pa.array([1]), np.zeros(1, np.int32)), tracks, table)
    return Content(CONFIG, "a digest", FIRST + timedelta(days=number)), data


def files_of(number, before=None, **changes):
    """Similar tracks of a day."""
    content, data = day_of(number, **changes)
    return content.similar(data, before)


def same(one, other):
    """Whether the files are the same bytes."""
    pairs = zip(one.files().items(), other.files().items(), strict=True)
    return all(name == named and a.dtype == b.dtype and a.tobytes() == b.tobytes() for (name, a), (named, b) in pairs)


class TestDayByDay:
    def test_each_day_is_as_if_it_were_made_anew(self):
        """Over two dates on which terms are counted anew, and whatever day went before."""
        before = files_of(5)
        for number in range(6, N_DAYS - 1):
            anew = files_of(number)
            assert same(files_of(number, before), anew)
            before = anew if number % 3 else before  # yesterday's, or one of two or three days ago

    @pytest.mark.parametrize("number", [17, 23])
    def test_changed_and_lost_tracks_leave_the_lists_and_enter_others(self, number):
        """Of tracks that have other tags, and of some that the catalogue has lost; and when both are as they were."""
        changes = {"retagged": (3, 40, there_on(number)), "gone": (7, 50)}
        changed, plain = files_of(number, **changes), files_of(number - 1)
        assert same(files_of(number, plain, **changes), changed)
        assert not same(changed, files_of(number))
        assert same(files_of(number + 1, changed), files_of(number + 1))

    def test_an_ordinary_day_changes_nothing_of_tracks_that_were_there(self):
        """Between two dates of the calendar a new track moves no mark; on such a date all marks move."""
        for number in range(10, N_DAYS - 1):
            one, other = files_of(number - 1).marks, files_of(number).marks
            equal = (one == other[: len(one)]).mean()
            counted_anew = (day_number(FIRST) + number) % COUNTED_ANEW_DAYS == 0
            assert equal < 0.2 if counted_anew else equal > 0.9

    @pytest.mark.parametrize("gone", [(40, 41, 120), (300, 311)])
    def test_a_track_that_is_gone_altogether_leaves_its_place_to_another(self, gone):
        """Whose list it stood on is looked for anew among all; also where no mark moves, for nobody counted it."""
        content, data = day_of(15)
        before, kept = content.similar(data), np.setdiff1d(np.arange(len(data.tracks)), gone)
        assert before.known[list(gone)].all()
        tracks = Vocabulary(data.tracks.ids.take(pa.array(kept)), data.tracks.first_days[kept])
        fewer = replace(data, plays=data.plays[:, kept], tracks=tracks)
        assert same(content.similar(fewer, before), content.similar(fewer))

    def test_a_track_that_nobody_has_played_any_more_stands_on_no_list(self):
        """It is still in the catalogue and as it was; only those that somebody played may be similar."""
        content, data = day_of(15)
        before, silent = content.similar(data), [40, 300]
        assert np.diff(before.similar.matrix.indptr)[silent].all()
        heard = np.setdiff1d(np.arange(len(data.tracks)), silent)
        plays = sparse.csr_matrix((np.ones(len(heard), np.uint32), heard, [0, len(heard)]), data.plays.shape)
        less = replace(data, plays=plays.multiply(data.plays > 0).tocsr())
        assert same(content.similar(less, before), content.similar(less))

    def test_a_track_of_another_order_is_found_by_its_id(self):
        """Items without plays stand by id behind the others, and move as others come among them."""
        content, data = day_of(15)
        before = content.similar(data)
        ids = np.arange(len(data.tracks))
        ids[there_on(15) :] = ids[there_on(15) :][::-1]
        moved = replace(data, tracks=Vocabulary(pa.array(ids), data.tracks.first_days))
        assert same(content.similar(moved, before), content.similar(moved))


class TestNearestContent:
    def test_of_equal_tracks_the_lowest_enters_a_list_that_is_full(self):
        """A track that has become as much alike as the last one of a list stands before it by its column."""
        features, every = sparse.csr_matrix(np.ones((4, 1), np.float32)), np.arange(4)
        was = sparse.csr_matrix((np.ones(3, np.float32), ([1, 2, 3], [2, 1, 1])), shape=(4, 4))
        before = Before(was, settled=every > 0, known=every >= 0)
        found = nearest_content(features, every, 1, before=before)
        assert (found != nearest_content(features, every, 1)).nnz == 0
        assert found[0].indices.tolist() == [1, 2, 3]

    def test_tracks_with_nothing_in_common_are_not_alike(self):
        """A term that every track has weighs nothing, so that it makes no pair."""
        features = sparse.csr_matrix(np.array([[1, 9], [1, 9], [9, 9]], np.float32))
        features.data[features.data == 9] = 0
        assert nearest_content(features, np.arange(3), 2).toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
        assert nearest_content(features, np.arange(3), 2).nnz == 2


@pytest.mark.parametrize(
    ("products", "runs"), [(6, [(0, 2), (2, 3), (3, 4), (4, 5)]), (1, [(n, n + 1) for n in range(5)]), (99, [(0, 5)])]
)
def test_runs_take_at_most_the_work_that_they_may(products, runs):
    """As many rows as fit, the bound itself included; a row that takes more is a run of its own."""
    assert list(blocks_of_work(np.array([3, 3, 3, 7, 1]), products)) == runs


class TestBestOfRows:
    @pytest.mark.parametrize("length", [5, 40, 900])
    def test_the_largest_are_kept_and_of_equal_ones_the_lowest_columns(self, length):
        """Rows of any length, in any order of their columns, with many equal values."""
        rng = np.random.default_rng(length)
        cols = np.stack([rng.permutation(1000)[:length] for _ in range(30)])
        values = rng.integers(1, 12, cols.shape).astype(np.float32)
        matrix = sparse.csr_matrix(
            (values.ravel(), cols.ravel(), np.arange(0, cols.size + 1, length)), shape=(30, 1000)
        )
        found = best_of_rows(matrix, 20)
        for row in range(30):
            best = cols[row][np.lexsort((cols[row], -values[row]))][:20]
            assert found[row].indices.tolist() == sorted(best.tolist())

    def test_what_has_to_be_exceeded_is_the_least_of_a_full_row(self):
        """A row of k entries is full, and whatever is above 0 enters the others; the last one may be empty."""
        matrix = sparse.csr_matrix(np.array([[3, 2, 0], [0, 5, 0], [4, 1, 6], [0, 0, 0]], np.float32))
        assert least_of_full(matrix, 2).tolist() == [2, 0, 1, 0]
        assert least_of_full(matrix[:0], 2).tolist() == []


def test_terms_are_counted_in_old_tracks_where_these_are_half_of_all():
    """Old are those first played before the newest date that is a multiple of fourteen; of fewer, all are counted."""
    start = date(1970, 1, 1) + timedelta(days=100 * COUNTED_ANEW_DAYS)
    for n_old, counted in ((2, [True, True, False, False]), (1, [True] * 4)):
        first = np.where(np.arange(4) < n_old, day_number(start) - 1, day_number(start)).astype(np.int32)
        tracks = Vocabulary(pa.array(range(4), pa.int64()), first)
        assert counted_tracks(tracks, start + timedelta(days=3)).tolist() == counted
