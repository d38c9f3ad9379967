"""The candidate that the tests of exact checks damage."""

import pytest
from opened_candidates import opened_of


@pytest.fixture(scope="session")
def sound(finished):
    """The newest candidate of the finished store, opened: read by many tests, changed by none."""
    return opened_of(finished)
