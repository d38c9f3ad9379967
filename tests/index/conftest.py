"""Catalogues that the tests of calibration and of recall read, and never change."""

import pytest
from index_worlds import World


@pytest.fixture(scope="module")
def falling(tmp_path_factory):
    """Norms as of a model of real plays."""
    return World(6000, tmp_path_factory.mktemp("falling"), True)


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """Norms all equal."""
    return World(6000, tmp_path_factory.mktemp("flat"), False)


@pytest.fixture(scope="module")
def one_tree(tmp_path_factory):
    """Norms all equal, and an index so small that a higher target needs a larger search_k."""
    return World(6000, tmp_path_factory.mktemp("one_tree"), False, trees=1)
