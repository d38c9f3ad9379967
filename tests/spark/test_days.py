"""Days of the small world, trained by a Spark of a master and two workers, judged, published and asked."""

import re
from datetime import date

import pytest

pytest.importorskip("pyspark", reason="scripts/spark_check installs it")

from settings import config, run

from recsys_tasks.release.lineage import lineage
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.temporary import TEMPORARY
from spark.cluster import PROPERTIES, running_cluster

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def two_days(world_dsn, tmp_path_factory):
    """A store whose first two days Spark trained, and what came of each."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        spark = {"master": cluster.address, "properties": PROPERTIES}
        settings = config(als={"backend": "spark", "max_iterations": 12}, spark=spark)
        at = Workplace(PosixStore(tmp_path_factory.mktemp("store")), settings, world_dsn)
        return at, [run(at, date(2026, 1, day)) for day in (13, 14)]


class TestDays:
    def test_they_are_judged_and_published(self, two_days):
        """The gate passes both, the second against the first, and both beat the popular tracks."""
        at, days = two_days
        assert [day.verdict.outcome for day in days] == ["PASS", "PASS"]
        assert all(e.figures["precision"] > 1.4 * e.figures["popularity"] for e in at.releases.log().entries)

    def test_the_index_answers(self, two_days):
        """A reader opens the release and lists tracks for a listener, without a Spark."""
        at, _ = two_days
        reader = Reader(at.store)
        assert len(reader.recommend(reader.bundle.users.ids[0].as_py(), 10).tracks) == 10

    def test_every_day_is_a_cold_start(self, two_days):
        """The second day has no parent, and its lineage names Spark, Java and the blocks."""
        at, _ = two_days
        factors = lineage(at.store, "2")["factors"]
        assert (factors["warm"], factors["parents"], factors["iterations"]) == (False, [], 12)
        assert re.fullmatch(r"spark 4\.[\d.]+, blocks 2, java \d+[\d.]+", factors["trainer"])

    def test_nothing_lies_about(self, two_days):
        """Neither pairs, factors nor checkpoints stay in the store's temporary folder."""
        at, _ = two_days
        assert list((at.store.root / TEMPORARY).glob("*")) == []
