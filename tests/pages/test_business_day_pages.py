"""The page of what is live of a service whose days are not those of UTC, served by Airflow's own application."""

import re

import pytest
from airflow_server import served
from settings import TOML

ZONE = "[schedule]\ntimezone = 'Pacific/Kiritimati'\nday_starts_at = '04:00'\n"


@pytest.fixture(scope="module")
def pages(airflow_home, finished, tmp_path_factory):
    """Give the text of a page under a configuration."""
    folder = tmp_path_factory.mktemp("zone")
    with served(airflow_home, finished.store.root, folder) as ask:

        def page(path, table=""):
            (folder / "recsys.toml").write_text(TOML + table)
            found = ask("GET", f"/recsys/{path}", "vic")
            assert found.status_code == 200
            return re.sub(r"\s+", " ", found.text)

        yield page


def test_the_end_of_the_live_data_is_told_by_the_clock_of_the_zone(pages):
    """Four o'clock of the next date, with the zone's name; a service of UTC days shows what it always showed."""
    assert "since the end of its data, 2026-01-16 04:00 +14 (Pacific/Kiritimati); stale past" in pages("live", ZONE)
    assert "since the end of its data; stale past" in pages("live")
