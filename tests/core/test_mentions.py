"""People in texts: a mention is found and taken out, and what only looks like one stays."""

import pytest

from recsys_tasks.core.mentions import MARK, Mentions

UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


@pytest.mark.parametrize(
    ("ids", "text", "left"),
    [
        ([43], "listener 43 asked", f"listener {MARK} asked"),
        ([43], "User: 43, and account #43", f"User: {MARK}, and account #{MARK}"),
        (
            [43],
            "500 listeners, 43 of them new; of 43 listeners 43 are",
            "500 listeners, 43 of them new; of 43 listeners 43 are",
        ),
        ([43], "release 43 was worse, user 430 too", "release 43 was worse, user 430 too"),
        ([12345678], "12345678 bytes", "12345678 bytes"),
        ([-7], "user -7", f"user {MARK}"),
        ([UUID], f"asked by {UUID}.", f"asked by {MARK}."),
        (["max"], "max 5 of listener max", f"max 5 of listener {MARK}"),
        (["ada@example.org"], "ada@example.org wrote", f"{MARK} wrote"),
        ([], "user 43", "user 43"),
    ],
)
def test_mentions(ids, text, left):
    """A long id as a word of its own; a short one, or a number, only after a word that says what it is."""
    assert Mentions(ids).without(text) == left


def test_every_text_of_a_value_is_looked_at():
    """Lists and objects are gone through; numbers that are no text stay."""
    value = {"why": ["user 5"], "release": 5, "more": {"by": "olga"}}
    assert Mentions([5]).without_in(value) == {"why": [f"user {MARK}"], "release": 5, "more": {"by": "olga"}}
