"""A service that recommends tracks that nobody has played, by what the catalogue says of them."""

from datetime import date

import pytest
from settings import config, run

from recsys_tasks.steps import Workplace
from recsys_tasks.storage.posix import PosixStore

D14, D15 = (date(2026, 1, n) for n in (14, 15))
FEATURES = {"album_id": "album_id", "tempo": "tempo", "energy": "energy"}
COLD = {
    "catalogue": {"features": FEATURES},
    "blend": {"components": ["als", "recent", "content"]},
    "content": {"cold_tracks": True},
    "evaluation": {"blend_share": 0.2},
}


@pytest.fixture(scope="module")
def cold(world_dsn, tmp_path_factory):
    """Two days of the small world whose candidates hold tracks without plays."""
    at = Workplace(PosixStore(tmp_path_factory.mktemp("cold")), config(**COLD), world_dsn)
    for day in (D14, D15):
        assert run(at, day).verdict.outcome == "PASS"
    return at


def test_it(cold):
    """Try."""
    print(cold.releases.log().live)
