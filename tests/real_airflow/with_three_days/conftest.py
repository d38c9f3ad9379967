"""The Airflow that the tests in here share."""

from collections.abc import Iterator

import pytest
from doors import Doors, backfilled_airflow


@pytest.fixture(scope="package")
def doors() -> Iterator[Doors]:
    """A real Airflow of many processes with three days done; every test leaves it as it was."""
    with backfilled_airflow() as doors:
        yield doors
