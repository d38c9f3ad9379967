"""Whether what trains is on this machine, and whether the Spark that is named answers."""

import socket
from urllib.parse import urlsplit

from recsys_tasks.core.config import Config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.spark import SparkConfig
from recsys_tasks.setup.checks import FAIL, OK, WARN, Check
from recsys_tasks.steps.trainers import trains_elsewhere, versions_of

ANSWER_SECONDS, MASTERS_PORT = 5.0, 7077
NAME = "trainer"


def trainer_checks(config: Config) -> list[Check]:
    """The versions of the trainer that is named, or what it lacks; of ``implicit``, which lacks nothing, none."""
    if config.als.backend == "implicit":
        return []
    try:
        versions = versions_of(config.als)
    except ConfigError as error:
        if trains_elsewhere(config):
            return [Check(NAME, WARN, f"[tasks] sends the training to other machines; this one has it not. {error}")]
        return [Check(NAME, FAIL, str(error))]
    found = ", ".join(f"{name} {value}" for name, value in versions.items() if name != "name")
    checks = [Check(NAME, OK, f"{config.als.backend}, {found}.")]
    return checks + (_master(config.spark) if config.als.backend == "spark" else [])


def _master(spark: SparkConfig) -> list[Check]:
    """Whether a standalone master takes connections; others are asked by Spark alone."""
    if not spark.master.startswith("spark://"):
        return []
    name, parts = f"{NAME}: master", urlsplit(spark.master.split(",")[0])
    try:
        socket.create_connection((parts.hostname or "", parts.port or MASTERS_PORT), ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        mend = "Start it, or correct [spark] master; a training would be retried, and fail."
        return [Check(name, FAIL, f"{spark.master} does not answer ({error}).", mend)]
    return [Check(name, OK, f"{spark.master} answers.")]
