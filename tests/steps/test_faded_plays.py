"""How much of each play is left on the day of the data."""

from types import SimpleNamespace

import pytest
from folding import folded
from strategies import play_counts

from recsys_tasks.steps.own_plays import HALF_LIVES, own_plays


@pytest.mark.parametrize("half_life", [1, 2])
def test_a_play_counts_half_after_each_half_life_up_to_four(half_life):
    """Plays of each date by its age; all older ones as those of four half-lives, a sixteenth."""
    days = [{(1, 1): 1, (1, 2): day} for day in range(1, 12)]
    matrix, _ = folded(days)
    at = SimpleNamespace(partitions=SimpleNamespace(load=lambda _day, digest: play_counts(days[int(digest)])))
    left = [0.5 ** min((10 - n) / half_life, HALF_LIVES) for n in range(11)]
    expected = [sum(left), sum(weight * (n + 1) for n, weight in enumerate(left))]
    assert own_plays(at, matrix, half_life).tolist() == pytest.approx(expected, rel=1e-6)
