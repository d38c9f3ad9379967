"""A short part of the fault suite, with a fixed seed; ``scripts/faults`` runs all of it."""

import pytest

from faults.ground import Ground
from faults.scenarios import SCENARIOS, play


@pytest.fixture(scope="module")
def ground(world_dsn, tmp_path_factory):
    """Prepared stores, and the bytes that a day must give."""
    return Ground(tmp_path_factory.mktemp("faults"), world_dsn)


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.short])
def test_no_promise_is_broken(name, ground):
    """A few faults of each kind: nothing corrupt, nothing lost, and a rerun gives the same bytes."""
    outcome = play(name, ground, SCENARIOS[name].short, seed=1)
    if outcome.skipped and not outcome.count:
        pytest.skip(outcome.skipped)
    assert outcome.count
    assert outcome.failures == []
