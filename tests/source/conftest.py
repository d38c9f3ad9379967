"""What the tests of the source share."""

import uuid
from collections.abc import Iterator

import pytest
from conftest import execute


@pytest.fixture
def reader(source_dsn: str) -> Iterator[tuple[str, str]]:
    """A role without any rights, and its address."""
    name = f"reader_{uuid.uuid4().hex[:12]}"
    execute(source_dsn, f"CREATE ROLE {name} LOGIN")
    yield name, source_dsn.replace("postgres:@", f"{name}@")
    execute(source_dsn, f"DROP OWNED BY {name}", f"DROP ROLE {name}")
