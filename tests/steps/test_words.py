"""What a run says while it works: sentences of figures, never a structure of the program."""

import re
from dataclasses import replace
from datetime import date

import pytest
from settings import run

from recsys_tasks.matrix.play_matrix import MatrixFigures
from recsys_tasks.partitions.figures import PartitionFigures
from recsys_tasks.steps.words import matrix_in_words, rows_in_words, scores_in_words, search_in_words, streams_in_words

FIGURES = PartitionFigures(
    rows_read=7_094,
    rows_kept=5_950,
    dropped={"private": 327, "null_id": 1, "short": 816, "duplicate": 0},
    listeners=564,
    tracks=884,
)


class TestWords:
    def test_the_streams_of_a_date(self):
        """Streams, listeners and tracks; then what was left out, the most frequent reason first."""
        assert streams_in_words(FIGURES) == (
            "5,950 streams of 564 listeners and 884 tracks; "
            "1,144 of 7,094 rows left out: 816 too short, 327 private, 1 without an id"
        )

    def test_what_was_not_counted_is_not_told(self):
        """A partition of before, without its listeners, and one that lost no row."""
        old = replace(FIGURES, listeners=None, tracks=None, rows_read=5_950, dropped={"private": 0})
        assert streams_in_words(old) == "5,950 streams; no row left out"
        assert rows_in_words(replace(old, rows_read=0, rows_kept=0, dropped={})) == "no row left out"

    def test_a_matrix(self):
        """Its pairs, both sides and its plays."""
        found = matrix_in_words(MatrixFigures(users=1_384, tracks=1_981, pairs=25_181, plays=66_100))
        assert found == "25,181 pairs of 1,384 listeners and 1,981 tracks, with 66,100 plays"

    @pytest.mark.parametrize(("nodes", "said"), [(0, ""), (2_000, " and 2,000 nodes of the trees")])
    def test_a_search(self, nodes, said):
        """Annoy is named for a listener's list only where it is asked."""
        found = search_in_words({"budget": 307, "search_k": nodes, "similar_search_k": 1_600})
        assert found == (
            f"a listener's list is searched among the 307 tracks of largest norm{said}, "
            "similar tracks among 1,600 nodes"
        )

    def test_scores(self):
        """Who scored what, each under a name that people use; without a release there is none."""
        found = scores_in_words({"candidate": 0.0802, "incumbent": 0.0767, "popularity": 0.0339}, 10, 1)
        assert found == "precision@10: candidate 0.0802, release 1 0.0767, popular tracks 0.0339"
        assert scores_in_words({"candidate": None}, 10, None) == "precision@10: candidate –"


def test_a_run_tells_no_structure_of_the_program(copied):
    """Each line of a whole day is prose: no braces, no field's name, no number with a long row of digits."""
    told = []
    assert run(replace(copied, progress=told.append), date(2026, 1, 16)).published.published
    assert told[0].startswith("unchanged 2026-01-13 (1 of 4): ")
    assert "release 4 (data of 2026-01-16) is live: in place of release 3 (data of 2026-01-15)" in told
    assert [line for line in told if re.search(r"[{}]|\b[a-z]+_[a-z]+\b|\d\.\d{8}", line.partition(" is /")[0])] == []
