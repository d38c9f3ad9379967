"""Questions in addresses: each is read back as it was written, and a number is digits alone."""

from datetime import date
from math import inf

import pytest

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.pages.questions import Question, parse_question
from recsys_tasks.products.filters import FeatureRange, Filters


class TestAddresses:
    def test_an_address_repeats_the_question(self):
        """What a page was asked is what its own address asks again; what is the default is left out."""
        filters = Filters(False, ("music",), True, (FeatureRange("tempo", 90.5, inf),), date(2026, 1, 2), "DE")
        for question in (
            Question(listener="5", a=2, b=1, k=20),
            Question(track="a&b=c", which="radio", seed=2),
            Question(text="é", b=3),
            Question(tracks=("17", "4"), which="history"),
            Question(tracks=("a track", "b,c"), filters=filters),
            Question(tracks=("a track",)),
            Question(artist="Märta", which="related"),
        ):
            assert parse_question(question.address()) == question
        assert Question(listener="5").address() == {"listener": "5"}
        assert Question(listener="5", b=2).address(track="7") == {"track": "7", "b": "2"}

    def test_a_list_goes_along_where_it_fits(self):
        """From listener to listener, and from a track to an artist; not from a listener to a track."""
        discover, radio = Question(listener="5", which="discover"), Question(track="7", which="radio")
        assert discover.address(listener="6") == {"list": "discover", "listener": "6"}
        assert discover.address(track="7") == {"track": "7"}
        assert radio.address(artist="x") == {"list": "radio", "artist": "x"}
        assert discover.address(list="mix") == {"list": "mix", "listener": "5"}

    @pytest.mark.parametrize("release", ["0", "01", "-1", "1.0", "١", "live ", "1" * 13])
    def test_a_release_is_digits_alone(self, release):
        """Or nothing, or the word live."""
        with pytest.raises(ConfigError, match="no number of a release"):
            parse_question({"a": release})
        assert parse_question({"a": "live", "b": ""}) == Question()
