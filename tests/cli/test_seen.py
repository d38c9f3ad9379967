"""Acts by the command line: done upon what the person saw, with words that can be kept, or not at all."""

import pytest
from settings import TOML

from recsys_tasks.cli.main import main

CANDIDATE = "the candidate of release 1"
ACTS = {
    "pin": ["pin"],
    "unpin": ["unpin"],
    "rollback": ["rollback", "1"],
    "release": ["release", CANDIDATE],
    "judge again": ["gate", "--date", "2026-01-15", "--judge-again"],
}


@pytest.fixture
def do(copied, tmp_path, capsys):
    """Run an act on a store of three entries: its exit code, and the last line of what it refused with."""
    (tmp_path / "config.toml").write_text(TOML)
    places = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml"), "USER": "o"}

    def done(act, *more, by="olga", why="bad covers"):
        stored = copied.releases.log().release(1).candidate
        words = [stored if word == CANDIDATE else word for word in ACTS[act]]
        code = main([*words, "--by", by, "--why", why, *more], places)
        return code, (capsys.readouterr().err.splitlines() or [""])[-1]

    return done


class TestSeen:
    @pytest.mark.parametrize("act", ACTS)
    def test_a_log_that_changed_since_stops_every_act(self, copied, do, act):
        """Neither an older log nor one that is to come is this one; the message says what was done meanwhile."""
        for seen in ("0", "2", "4", "99999999999"):
            code, said = do(act, "--seen", seen)
            assert (code, "has changed since you looked: publish by olga" in said) == (1, True), (seen, said)
        assert len(copied.releases.log().entries) == 3

    def test_the_log_that_was_seen_takes_the_act(self, copied, do):
        """The same number in front of the same log; whoever looked at nothing need not say one."""
        assert [do("rollback", "--seen", "3")[0], do("unpin", "--seen", "4")[0], do("pin")[0]] == [0, 0, 0]
        assert [entry.number for entry in copied.releases.log().entries] == [1, 2, 3, 4, 5, 6]

    @pytest.mark.parametrize("seen", ["", "-1", "03", "1e3", "３", "9" * 13, "0x3"])
    def test_what_is_no_number_of_an_entry_is_wrong_usage(self, do, seen):
        """Refused before the store is touched."""
        with pytest.raises(SystemExit):
            do("pin", "--seen", seen)


class TestWords:
    @pytest.mark.parametrize("act", ACTS)
    @pytest.mark.parametrize(
        "words", [{"why": "x" * 1_100_000}, {"why": "caf\udce9"}, {"why": "\u202e"}, {"by": "ol\nga"}, {"by": " "}]
    )
    def test_no_act_takes_words_that_cannot_be_kept(self, copied, do, act, words):
        """A megabyte, bytes that are not UTF-8, a turned direction, a second line: exit 2, and the log as it was."""
        code, said = do(act, **words)
        assert (code, said.split(":")[0], said.isascii()) == (2, "ConfigError", True)
        assert len(copied.releases.log().entries) == 3
