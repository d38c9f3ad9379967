"""Whether what trains is on this machine, and whether the Spark that is named answers."""

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from recsys_tasks.core.config import AlsConfig, Config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.spark import SparkConfig
from recsys_tasks.recommenders.played_again import forest
from recsys_tasks.setup.checks import FAIL, OK, WARN, Check
from recsys_tasks.steps.trainers import trains_elsewhere, tree_version, versions_of

ANSWER_SECONDS, MASTERS_PORT = 5.0, 7077
NAME, TREES = "trainer", "trees"


def trainer_checks(config: Config) -> list[Check]:
    """The versions of the trainer that is named, and of the library of the trees, or what is missing; of ``implicit``
    and of weights, which need nothing, none."""
    checks = []
    if config.blend.joined_by == "ranker":
        checks.append(_there(config, TREES, lambda: f"LightGBM {tree_version(config.blend)}."))
    if config.products.played_again_days:
        checks.append(_there(config, "trees of what is on repeat", lambda: f"LightGBM {forest()['lightgbm']}."))
    if config.als.backend != "implicit":
        trainer = _there(config, NAME, lambda: _in_words(config.als))
        checks.append(trainer)
        if config.als.backend == "spark" and trainer.state == OK:
            checks += _master(config.spark)
    return checks


def _there(config: Config, name: str, words: Callable[[], str]) -> Check:
    """Whether something that trains is on this machine, as far as that must be so. words: what is there."""
    try:
        return Check(name, OK, words())
    except ConfigError as error:
        if trains_elsewhere(config):
            return Check(name, WARN, f"[tasks] sends the training to other machines; this one has it not. {error}")
        return Check(name, FAIL, str(error))


def _in_words(als: AlsConfig) -> str:
    versions = versions_of(als)
    found = ", ".join(f"{name} {value}" for name, value in versions.items() if name != "name")
    return f"{als.backend}, {found}."


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
