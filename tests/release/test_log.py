"""The rules of the release log: nothing older, nothing past a pin, nothing unsigned."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_entries import SIGNED, entry, log

from recsys_tasks.core.errors import ConfigError, NoRelease, UnknownId
from recsys_tasks.release.log import ERASE, PUBLISH, PUBLISH_OLDER, ROLLBACK, parse_entry


class TestRules:
    def test_the_same_candidate_is_published_once(self):
        """A rerun of a published candidate is a no-op that says which release it is."""
        decision = log(entry(1, 5, "a"), entry(2, 6, "b")).decide("a", date(2026, 1, 7))
        assert (decision.publish, decision.reason) == (False, "already published as release 1: nothing to do")

    def test_older_data_never_replace_newer(self):
        """A backfill of an earlier date is kept and not published."""
        assert not log(entry(1, 6)).decide("new", date(2026, 1, 5)).publish
        assert log(entry(1, 6)).decide("restated", date(2026, 1, 6)).publish

    def test_older_data_go_live_on_a_persons_word_alone(self):
        """Told to by name, a backfill of an earlier date goes live under a kind of its own; newer data need no word."""
        decision = log(entry(1, 6)).decide("new", date(2026, 1, 5), older_too=True)
        assert (decision.publish, decision.kind) == (True, PUBLISH_OLDER)
        assert "2026-01-05" in decision.reason
        decision = log(entry(1, 6)).decide("new", date(2026, 1, 7), older_too=True)
        assert (decision.publish, decision.kind) == (True, PUBLISH)

    def test_a_word_for_older_data_lifts_no_pin_and_publishes_nothing_twice(self):
        """Whoever pinned is asked first; what was a release already is rolled back to, not published again."""
        pinned = log(entry(1, 5, "a"), entry(2, 6), entry(3, 6, release=2, kind="pin", pinned=True))
        assert "is pinned by olga" in pinned.decide("new", date(2026, 1, 4), older_too=True).reason
        again = pinned.decide("a", date(2026, 1, 5), older_too=True)
        assert (again.publish, again.reason) == (
            False,
            "already published as release 1: to make it live again, roll back to it",
        )

    def test_older_data_that_went_live_are_a_release_and_took_another_back(self):
        """They can be rolled back to and compared with; what they replaced is nobody's incumbent any more."""
        after = log(entry(1, 5), entry(2, 7), entry(3, 6, kind=PUBLISH_OLDER, pinned=True))
        assert after.release(3).day == date(2026, 1, 6)
        assert after.published("candidate 3").number == 3
        assert [e.number for e in after.before(date(2026, 1, 9))] == [3, 1]
        assert "pinned" in after.decide("new", date(2026, 1, 8)).reason
        assert parse_entry(after.live.to_bytes(), "3.json") == after.live

    def test_a_pin_holds_until_it_is_lifted(self):
        """Scheduled runs do not move past a pin."""
        pinned = log(entry(1, 5), entry(2, 5, release=1, kind="pin", pinned=True))
        assert "pinned by olga (bad covers)" in pinned.decide("new", date(2026, 1, 9)).reason
        lifted = log(*pinned.entries, pinned.pin(False, "olga", "mended", "now"))
        assert lifted.decide("new", date(2026, 1, 9)).publish

    def test_a_rollback_appends_and_pins(self):
        """An earlier release goes live as a new entry, signed and pinned; nothing is taken away."""
        before = log(entry(1, 5), entry(2, 6))
        back = before.roll_back(1, "olga", "bad covers", "now")
        assert (back.number, back.release, back.candidate, back.pinned) == (3, 1, "candidate 1", True)

    def test_a_rollback_needs_a_person_and_a_reason(self):
        """Who and why stand in the log, or nothing happens."""
        for by, why in (("", "why"), ("who", " ")):
            with pytest.raises(ConfigError, match="--by"):
                log(entry(1, 5), entry(2, 6)).roll_back(1, by, why, "now")

    @pytest.mark.parametrize("number", [0, -1, 3, 10**30])
    def test_a_rollback_to_what_never_was_is_refused(self, number):
        """Only a published release can go live again."""
        with pytest.raises(UnknownId):
            log(entry(1, 5), entry(2, 6)).roll_back(number, "olga", "why", "now")

    def test_before_the_first_release_there_is_nothing_to_pin(self):
        """An empty log says that nothing was published."""
        with pytest.raises(NoRelease):
            log().pin(True, "olga", "why", "now")


WISHES = st.tuples(st.sampled_from(["run", "older", "back", "pin", "unpin"]), st.integers(1, 9))


def next_entry(now, wish, day):
    """What an operator or a run would append; None where the rules say no."""
    if wish in ("run", "older"):
        candidate, number = f"{wish} {day}", len(now.entries) + 1
        decision = now.decide(candidate, date(2026, 1, day), older_too=wish == "older")
        pinned = decision.kind == PUBLISH_OLDER
        return entry(number, day, candidate, kind=decision.kind, pinned=pinned) if decision.publish else None
    try:
        return now.roll_back(day, **SIGNED) if wish == "back" else now.pin(wish == "pin", **SIGNED)
    except (ConfigError, NoRelease, UnknownId):
        return None


@given(st.lists(WISHES, max_size=30))
def test_the_live_data_go_back_only_by_a_signed_and_pinned_entry(wishes):
    """Whatever runs and operators wish, in any order: no run goes back or past a pin, no bundle is published twice."""
    now = log()
    for wish, day in wishes:
        new, live = next_entry(now, wish, day), now.live
        if new is None:
            continue
        if live and new.day < live.day:
            assert new.kind in (ROLLBACK, PUBLISH_OLDER)
            assert new.pinned
        if wish in ("run", "older"):
            assert not (live and live.pinned)
            assert now.published(new.candidate) is None
        now = log(*now.entries, new)
    assert [e.number for e in now.entries] == list(range(1, len(now.entries) + 1))
    assert all(now.release(e.release).candidate == e.candidate for e in now.entries)


NEW = {"gated": "0", "users-new": "1"}
"""Parts of a rewritten bundle."""


class TestErasure:
    def test_an_erasure_changes_the_parts_and_nothing_else(self):
        """Whatever names the bundle from now on names the new parts: the live entry, the release, a rollback, a pin."""
        before = log(entry(1, 5), entry(2, 6))
        after = log(*before.entries, before.erase({"candidate 1": NEW}, 3, "olga", "now"))
        assert (after.live.kind, after.live.release, after.live.parts) == (ERASE, 2, before.live.parts)
        assert (after.live.by, after.live.why) == ("olga", "3 people erased from 1 release")
        assert after.release(1).parts == after.roll_back(1, "olga", "why", "now").parts == NEW
        assert (after.release(2), after.published("candidate 2").number) == (before.release(2), 2)
        back = log(*after.entries, after.roll_back(1, "olga", "why", "now"))
        assert back.pin(True, "olga", "why", "now").rewritten == {}
        assert [each.number for each in after.before(date(2026, 1, 9))] == [2, 1]

    def test_what_is_live_has_its_new_parts_at_once(self):
        """Open readers compare the parts, and switch."""
        before = log(entry(1, 5))
        live = before.erase({"candidate 1": NEW}, 1, "olga", "now")
        assert (live.parts, live.why) == (NEW, "1 person erased from 1 release")
        assert parse_entry(live.to_bytes(), "2.json") == live

    def test_a_newer_erasure_wins(self):
        """A bundle may be rewritten again and again."""
        one = log(entry(1, 5))
        two = log(*one.entries, one.erase({"candidate 1": NEW}, 1, "olga", "now"))
        three = log(*two.entries, two.erase({"candidate 1": {"users-newer": "2"}}, 1, "olga", "now"))
        assert three.release(1).parts == three.live.parts == {"users-newer": "2"}

    def test_a_pinned_release_says_still_why(self):
        """Whoever asks who pinned it, and why, is told as before."""
        pinned = log(entry(1, 5, pinned=True, by="ada", why="it is good"))
        after = pinned.erase({"candidate 1": NEW}, 1, "olga", "now")
        assert (after.pinned, after.by, after.why) == (True, "ada", "it is good (1 person erased from 1 release)")

    def test_entries_without_an_erasure_keep_their_bytes(self):
        """Logs of before stay as they are, and older programs read what is no erasure."""
        assert b"rewritten" not in entry(1, 5).to_bytes()
