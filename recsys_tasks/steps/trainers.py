"""The trainer that the configuration names, and whether what it needs is on this machine.

``implicit`` needs nothing. The others refuse in the first task that computes, not after hours at the training, unless
``[tasks]`` sends the training to other machines than that task: then it is looked for where the training runs.
"""

import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError, version

from recsys_tasks.core.components import BlendConfig
from recsys_tasks.core.config import AlsConfig, Config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import in_one_line
from recsys_tasks.core.records import Json
from recsys_tasks.recommenders.backends import Backend
from recsys_tasks.recommenders.backends.implicit_cpu import ImplicitCpu
from recsys_tasks.recommenders.backends.implicit_gpu import ImplicitGpu
from recsys_tasks.recommenders.backends.spark import Spark
from recsys_tasks.recommenders.ranker import lightgbm
from recsys_tasks.steps.cuda import device_versions

OLDEST_JAVA, OLDEST_PYSPARK = 17, 4
ASK_JAVA = 'exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version'
"""As Spark's own scripts find it."""
PLACES = ("executor", "queue", "executor_config")
"""What of ``[tasks]`` says on which machine a task runs."""
OR_ELSE = 'or take [als] backend = "implicit"'


def trainer_of(config: Config, workspace: Callable[[], AbstractContextManager[str]]) -> Backend:
    """The backend that the configuration names.

    Raises:
        ConfigError: what it needs is not on this machine.
    """
    versions = versions_of(config.als)
    if config.als.backend == "spark":
        return Spark(config.spark, versions, workspace)
    return ImplicitGpu(versions) if config.als.backend == "implicit-gpu" else ImplicitCpu()


def require_trainer(config: Config) -> None:
    """See that the training will find what it needs, where it runs on machines like this one.

    Raises:
        ConfigError: as ``trainer_of``; or trees are to be trained, and LightGBM is not installed.
    """
    if not trains_elsewhere(config):
        versions_of(config.als)
        tree_version(config.blend)


def tree_version(config: BlendConfig) -> str | None:
    """Version of the library of the trees; None where the weights put the candidates in order.

    Raises:
        ConfigError: it is not installed.
    """
    return str(lightgbm().__version__) if config.joined_by == "ranker" else None


def versions_of(config: AlsConfig) -> Json:
    """Versions of what the named backend trains with.

    Raises:
        ConfigError: something is missing, or too old; the message says what to do.
    """
    looks = {"implicit": ImplicitCpu().identity, "implicit-gpu": device_versions, "spark": spark_versions}
    return looks[config.backend]()


def spark_versions() -> Json:
    """Versions of PySpark and of the Java that it will start.

    Raises:
        ConfigError: one of them is missing, or too old.
    """
    try:
        pyspark = version("pyspark")
    except PackageNotFoundError:
        raise _lacks("PySpark", "it is not installed in this Python", "Install recsys-pipeline[spark]") from None
    if int(pyspark.partition(".")[0]) < OLDEST_PYSPARK:
        raise _lacks(f"PySpark {OLDEST_PYSPARK} or newer", f"{pyspark} is installed", "Install recsys-pipeline[spark]")
    return {"version": pyspark, "java": java_version()}


def java_version(ask: str = ASK_JAVA) -> str:
    """The version of Java.

    Args:
        ask: a line for a shell, which prints what ``java -version`` does.

    Raises:
        ConfigError: there is none, it does not run, or it is too old.
    """
    needed = f"Java {OLDEST_JAVA} or newer"
    mend = f"Install it (Debian: openjdk-{OLDEST_JAVA}-jre-headless), set JAVA_HOME to it"
    done = subprocess.run(["/bin/sh", "-c", ask], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?((\d+)[^"]*)"', done.stderr)
    if done.returncode or not found:
        said = in_one_line(done.stderr.removeprefix("/bin/sh: 1: ")).rstrip(".")
        raise _lacks(needed, f"no java ran, neither from JAVA_HOME nor from PATH ({said})", mend)
    if int(found[2]) < OLDEST_JAVA:
        raise _lacks(needed, f"the one of JAVA_HOME or PATH is {found[1]}", mend)
    return found[1]


def _lacks(needed: str, found: str, mend: str) -> ConfigError:
    return ConfigError(f'[als] backend = "spark" needs {needed}, and {found}. {mend}, {OR_ELSE}.')


def trains_elsewhere(config: Config) -> bool:
    """Whether ``[tasks]`` sends the training to other machines than the first task that computes."""
    places = [
        {name: value for name, value in config.tasks.of(task).items() if name in PLACES}
        for task in ("extract_streams", "train_als")
    ]
    return places[0] != places[1]
