"""Who may be scored: nobody outside chooses an account that is, and no account without a past is one."""

import math
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from folding import folded, hiding
from hypothesis import given
from hypothesis import strategies as st
from strategies import days_of_events, play_counts

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.matrix.split import (
    chosen_listeners,
    has_history,
    known_listeners,
    split_day,
    split_key,
    thin_share,
)

DAY = date(2026, 2, 3)
HONEST, PLANTED = 40_000, 6_000
NAMED, DRAWN = "recsys", "5b1ee9d86ff8b3bdf6a2c3b6a6f1a0c9"


def planted_seats(guessed: str, salt: str) -> tuple[int, int]:
    """Seats of the gate that chosen accounts take, and all seats.

    The attacker makes ten times as many accounts as needed, and listens with those that the guessed salt would hide.
    """
    made = np.arange(HONEST, HONEST + 10 * PLANTED)
    order = np.argsort(keyed_hash(pa.array(made), f"{guessed} {DAY.isoformat()}"))
    ids = np.concatenate([np.arange(HONEST), np.sort(made[order[:PLANTED]])])
    seats, _ = chosen_listeners(pa.array(ids), np.arange(len(ids)), DAY, EvaluationConfig(salt=salt))
    return int((seats >= HONEST).sum()), len(seats)


class TestChosenAccounts:
    def test_whoever_knows_the_salt_takes_the_seats(self):
        """Under a named salt that the attacker has read, most seats go to a seventh of the listeners."""
        taken, seats = planted_seats(NAMED, NAMED)
        assert taken > 0.55 * seats

    def test_whoever_does_not_know_it_gets_a_share_like_anybody(self):
        """Under the store's own salt, chosen accounts get their share of the seats, within chance."""
        taken, seats = planted_seats(NAMED, DRAWN)
        share = PLANTED / (HONEST + PLANTED)
        assert abs(taken - share * seats) < 4 * math.sqrt(seats * share * (1 - share))

    def test_without_a_salt_nobody_is_chosen(self):
        """A split under no salt, which everybody knows, is refused, and so is its key."""
        matrix, day = folded([{(1, 1): 1}, {(1, 2): 1}])
        with pytest.raises(ConfigError, match="needs a salt"):
            split_day(matrix, play_counts({(1, 2): 1}), day, EvaluationConfig())
        with pytest.raises(ConfigError, match="needs a salt"):
            split_key(day, "m" * 64, EvaluationConfig())


def dormant_and_active():
    """A day on which 300 accounts of one earlier play listen to ten tracks, and 200 listeners of five earlier ones."""
    before = {(u, 0): 1 for u in range(300)} | {(u, t): 1 for u in range(300, 500) for t in range(5)}
    today = {(u, 10 + t): 1 for u in range(300) for t in range(10)} | {(u, 3): 1 for u in range(300, 500)}
    return (*folded([before, today]), play_counts(today))


class TestHistory:
    def test_dormant_accounts_are_never_scored(self):
        """Accounts of one earlier play take no seat, whatever they play today; half of the others are hidden."""
        matrix, day, today = dormant_and_active()
        split = split_day(matrix, today, day, EvaluationConfig(salt=DRAWN, blend_share=0.5))
        ids = np.asarray(matrix.users.ids)
        assert (len(split.gate_rows), len(split.blend_rows)) == (100, 100)
        assert ids[split.hidden_rows].min() >= 300

    def test_their_share_is_told(self):
        """300 of the 500 known listeners had less than five tracks; of a day without known ones, nobody."""
        matrix, day, today = dormant_and_active()
        split = split_day(matrix, today, day, EvaluationConfig(salt=DRAWN))
        assert thin_share(matrix, split, day, 5) == pytest.approx(0.6)
        assert thin_share(matrix, split, day, 1) == 0
        first, day = folded([{(1, 1): 1}])
        assert thin_share(first, split_day(first, play_counts({(1, 1): 1}), day, hiding()), day, 5) == 0

    @given(days_of_events, st.integers(1, 4))
    def test_a_history_is_the_distinct_tracks_before_the_day(self, days, least):
        """Counted from the events one by one, the same listeners have enough history."""
        matrix, day = folded(days)
        split = split_day(matrix, play_counts(days[-1]), day, hiding())
        known = known_listeners(matrix, split.day_counts, day)
        before = {}
        for user, track in {pair for events in days[:-1] for pair in events}:
            before.setdefault(user, set()).add(track)
        ids = matrix.users.ids.to_pylist()
        assert {ids[row] for row in known} == before.keys() & {user for user, _ in days[-1]}
        wanted = [len(before[ids[row]]) >= least for row in known]
        assert has_history(matrix, split.day_counts, known, least).tolist() == wanted
