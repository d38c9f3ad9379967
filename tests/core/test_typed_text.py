"""The door for what people type: what passes can be kept and shown, what does not is told why."""

import pytest

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.typed_text import LONGEST_NAME, LONGEST_REASON, name_of, reason_of

PLAIN = (
    "bad covers",
    "naïve 日本語 مرحبا 🎵",
    "--json $(id) `id` <b>'so'</b>",
    "می\u200cخواهم",
    "👩\u200d🎤",
    "x" * 1_000,
)
REFUSED = {
    "": "stands in the log",
    " \u00a0\u3000 ": "stands in the log",
    "\u0301": "stands in the log",
    "\u200b": "nobody sees",
    "two\nlines": "more than one line",
    "two\u2028lines": "more than one line",
    "a bell \a": "control character",
    "an escape \x1b[2J": "control character",
    "c1 \x9b": "control character",
    "caf\udce9": "not UTF-8",
    "\u202enothing here": r"turns the direction.*U\+202E",
    "isolated \u2067here": "turns the direction",
    "a mark \u200f here": "turns the direction",
    "a soft hy\u00adphen": "nobody sees",
    "a tag \U000e0041": "nobody sees",
    "x" * (LONGEST_REASON + 1): "at most 1,000 characters. It has 1,001",
}


class TestDoor:
    @pytest.mark.parametrize("text", PLAIN)
    def test_what_people_write_passes(self, text):
        """Every script, joiners, and whatever a shell or a browser would take for something else."""
        assert reason_of(f" {text}\n") == text

    @pytest.mark.parametrize("text", REFUSED)
    def test_what_cannot_be_kept_or_shown_is_refused(self, text):
        """The message says what is wrong, in plain characters: it never repeats the text itself."""
        with pytest.raises(ConfigError, match=REFUSED[text]) as refused:
            reason_of(text)
        assert str(refused.value).isascii()

    def test_a_name_passes_the_same_door(self):
        """As long as Airflow's own; nobody signs with an invisible name, or one that turns the line around."""
        assert name_of(" olga@example.test ") == "olga@example.test"
        assert len(name_of("n" * LONGEST_NAME)) == LONGEST_NAME
        for name in ("", "\u200b", "olga\u202e", "n" * (LONGEST_NAME + 1), "ol\nga"):
            with pytest.raises(ConfigError, match="who you are"):
                name_of(name)
