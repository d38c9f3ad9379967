"""Tracks found by name: whatever the case and the accents, the best first, and no faster by finding less."""

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recsys_tasks.pages import names_search
from recsys_tasks.pages.names_search import BETWEEN, NameSearch, folded


def named(names, **options):
    """A search over (title, artist, listeners) of each track."""
    kinds = {"title": pa.string(), "artist": pa.string(), "listeners": pa.int64()}
    columns = (pa.array(column, kind) for column, kind in zip(zip(*names, strict=True), kinds.values(), strict=True))
    return NameSearch(pa.table(dict(zip(kinds, columns, strict=True))), **options)


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
        hits = named(names, slice_length=2).find(typed, limit)
        assert hits.cols.tolist() == expected[:limit]
        assert hits.more == (len(expected) > limit)

    def test_a_very_long_title_costs_no_more_than_a_long_one(self):
        """Its beginning is found, and what is kept of it is bounded."""
        search = named([("y" * 1_000_000, "ﷺ" * 1_000_000, 1)])
        assert search.find("yyy", 5).cols.tolist() == [0]
        assert len(search._names[0].as_py()) <= 2 * names_search.LONGEST + len(BETWEEN)
