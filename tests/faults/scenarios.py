"""All scenarios: how many faults a full run takes, and how many the short part of the tests."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from faults.airflow import airflow_kills
from faults.buckets import bucket_answers, bucket_days, bucket_kills, bucket_outages, bucket_publishers
from faults.crash_points import crash_points
from faults.deliveries import deliveries
from faults.environments import environments
from faults.erasure import erasures
from faults.full_disk import broken_disk, full_disk, read_only_disk, short_writes
from faults.ground import Ground
from faults.kills import kills
from faults.outcome import Outcome, timed
from faults.power import lost_syncs, power_loss, power_loss_after_kill, power_loss_in_a_day
from faults.publishers import late_writers, publishers
from faults.readers import readers
from faults.rot import rot
from faults.service import service
from faults.source import broken_source, busy_source


class Scenario(NamedTuple):
    """One kind of fault."""

    what: str
    work: Callable[[Ground, Outcome, int, Random], None]
    full: int
    short: int  # 0: in the full run only


SCENARIOS = {
    "kills": Scenario("kills -9 at a random moment, each step in turn", kills, 1_000, 1),
    "crash-points": Scenario("kills -9 before a call that changes the store", crash_points, 1_000, 1),
    "power-loss": Scenario("states of the disk, by each way of writing", power_loss, 1_000, 2),
    "lost-syncs": Scenario("fsyncs left out, each missed", lost_syncs, 0, 1),
    "power-loss-day": Scenario("states of the disk during a day", power_loss_in_a_day, 1_000, 0),
    "power-loss-kill": Scenario("states after a killed publish and its retry", power_loss_after_kill, 200, 0),
    "full-disk": Scenario("sizes of the disk", full_disk, 30, 1),
    "read-only-disk": Scenario("steps on a read-only disk", read_only_disk, 10, 1),
    "short-writes": Scenario("limits on the size of files", short_writes, 30, 0),
    "broken-disk": Scenario("EIO, or less written than told, in one call", broken_disk, 400, 1),
    "rot": Scenario("damages, as many of each type of artefact", rot, 200, 8),
    "publishers": Scenario("publishes by 8 processes at once", publishers, 1_600, 40),
    "late-writers": Scenario("publishers stopped, and woken late", late_writers, 50, 0),
    "bucket-kills": Scenario("kills -9 before a call to a bucket, or before its answer", bucket_kills, 1_000, 1),
    "bucket-answers": Scenario("calls refused, late, cut off or answered in vain", bucket_answers, 1_000, 2),
    "bucket-outages": Scenario("servers of a bucket killed and started again", bucket_outages, 20, 0),
    "bucket-publishers": Scenario("publishes to a bucket by 8 processes at once", bucket_publishers, 1_600, 16),
    "bucket-days": Scenario("days in a bucket killed at any call", bucket_days, 10, 0),
    "broken-source": Scenario("servers, sessions and lines ended during extraction", broken_source, 100, 0),
    "busy-source": Scenario("extractions while batches are committed", busy_source, 100, 3),
    "readers": Scenario("switches under 4 asking threads and retention", readers, 500, 4),
    "service": Scenario("switches, damages and kills of the HTTP service under load", service, 300, 1),
    "erasures": Scenario("erasures asked for during a day, every second one killed", erasures, 60, 1),
    "deliveries": Scenario("kills -9 of a delivery before a statement, a block of rows or a write", deliveries, 500, 1),
    "airflow": Scenario("processes of Airflow killed during a run", airflow_kills, 8, 0),
    "environments": Scenario("environments of a day", environments, 24, 0),
}
WHOLE_DAYS = (
    "kills",
    "crash-points",
    "power-loss-day",
    "power-loss-kill",
    "full-disk",
    "read-only-disk",
    "short-writes",
    "broken-disk",
    "rot",
    "late-writers",
    "bucket-days",
    "readers",
    "service",
    "erasures",
    "deliveries",
)
"""Those that ask what a day does and leaves, and who reads it: they can be played with every component as well."""


def play(name: str, ground: Ground, count: int, seed: int) -> Outcome:
    """One scenario, with so many faults."""
    outcome = Outcome(name, SCENARIOS[name].what)
    with timed(outcome):
        SCENARIOS[name].work(ground, outcome, count, Random(f"{seed} {name}"))
    return outcome
