"""A short part of the fault suite, with a fixed seed; ``scripts/faults`` runs all of it."""

import os
import subprocess
import sys

import pytest

from faults.ground import Ground
from faults.scenarios import SCENARIOS, play
from faults.working import EVERYTHING


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


@pytest.fixture(scope="module")
def ground_of_everything(world_dsn, tmp_path_factory):
    """The same with every component, and what goes with them."""
    return Ground(tmp_path_factory.mktemp("everything"), world_dsn, EVERYTHING)


@pytest.mark.parametrize("name", ["kills", "rot", "readers"])
def test_no_promise_is_broken_with_every_component(name, ground_of_everything):
    """More artefacts, made by several threads, leave no more behind, and each is verified before it is used."""
    outcome = play(name, ground_of_everything, SCENARIOS[name].short, seed=1)
    assert outcome.count
    assert outcome.failures == []


def test_the_suite_leaves_no_folder_behind(tmp_path):
    """Whoever starts it by hand finds the temporary directory as it was."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "faults", "--help"], env=environment, capture_output=True, text=True)
    assert "SCENARIO" in done.stdout
    assert not list(tmp_path.iterdir())
