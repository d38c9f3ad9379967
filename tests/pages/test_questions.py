"""Questions in addresses: each is read back as it was written, and a number is digits alone."""

import pytest

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.pages.questions import Question, parse_question


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
