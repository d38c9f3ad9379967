"""The worlds that the tests of the demo share; none of them changes one."""

import pytest
from worlds import TINY

from recsys_tasks.demo.world import PRESETS, World, build_world


@pytest.fixture(scope="session")
def tiny() -> World:
    """A world that takes no time."""
    return build_world(TINY)


@pytest.fixture(scope="session")
def small() -> World:
    """The preset for tests."""
    return build_world(PRESETS["small"])
