"""A Spark for the length of one training: its JVM is started, watched and ended here.

Nothing of PySpark is imported before a session is asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from recsys_tasks.core.errors import TrainerUnavailable
from recsys_tasks.core.formatting import in_one_line
from recsys_tasks.core.spark import MASTER, SparkConfig

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOK_SECONDS = 2.0
"""Between two looks at the executors."""
DEFAULTS = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
"""What the configuration may set otherwise."""
INSIDE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
"""The same, for a Spark inside the task: nobody else is to reach it."""


STOPPED = "stopped SparkContext"
"""Of what Spark says where it gave the master up, whatever the reason."""


@contextmanager
def started(config: SparkConfig, folder: str) -> Iterator["SparkSession"]:
    """A session on the master, in a JVM of its own that ends with it.

    Args:
        config: master and properties.
        folder: of this machine, for the temporary files of the JVM.

    Raises:
        TrainerUnavailable: the JVM does not start, no executor is there for too long, or Spark breaks off.
    """
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    conf = SparkConf(loadDefaults=False).setAll(list(_properties(config, folder).items()))
    gave_up, gateway = Event(), None
    try:
        gateway = launch_gateway(conf)
        context = SparkContext(conf=conf, gateway=gateway)
        with _watched(context, config, gave_up):
            yield SparkSession(context)
    except (Py4JError, PySparkException, OSError) as error:
        raise _broke_off(config, gave_up.is_set(), error) from None
    finally:
        if gateway is not None:
            _end(gateway)


def _properties(config: SparkConfig, folder: str) -> dict[str, str]:
    ours = {MASTER: config.master, "spark.app.name": "recsys"}
    return DEFAULTS | {"spark.local.dir": folder} | (INSIDE if config.is_local else {}) | config.properties | ours


@contextmanager
def _watched(context: Any, config: SparkConfig, gave_up: Event) -> Iterator[None]:
    """Stop a context that has had no executor for too long: Spark itself would wait for one for ever."""
    over = Event()
    if not config.is_local:
        Thread(target=_watch, args=(context._jsc.sc(), config, gave_up, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch(context: Any, config: SparkConfig, gave_up: Event, over: Event) -> None:
    looks = 0
    while not over.wait(LOOK_SECONDS):
        executors = len(context.statusTracker().getExecutorInfos()) - 1  # the driver is one of them
        looks = 0 if executors else looks + 1
        if looks * LOOK_SECONDS >= config.longest_wait_seconds:
            gave_up.set()
            context.stop()
            return


def _broke_off(config: SparkConfig, gave_up: bool, error: Exception) -> TrainerUnavailable:
    """What an operator reads: that there was nobody to work, or Spark's own first words."""
    if gave_up:
        return TrainerUnavailable(
            f"Spark at {config.master} had no executor for {config.longest_wait_seconds} s, and the training was given "
            "up; nothing of it is stored. See that its workers run and offer the memory and cores that "
            "[spark.properties] ask for, then rerun."
        )
    said = in_one_line(str(getattr(error, "java_exception", None) or error)).rstrip(".")
    if STOPPED in said:
        said = "its master did not answer, or ended the application"
    return TrainerUnavailable(
        f"Spark at {config.master} broke off; nothing of the training is stored: {said}. Look at the logs of the "
        "master and the executors, then rerun."
    )


def _end(gateway: Any) -> None:
    """End the JVM, whose memory the next steps need, and have PySpark forget it."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is not None:
        with suppress(Exception):  # the JVM may be dead already
            context.stop()
    SparkContext._active_spark_context = SparkContext._gateway = SparkContext._jvm = None
    with suppress(Exception):
        gateway.shutdown()
    gateway.proc.terminate()
    gateway.proc.wait()
    gateway.proc.stdin.close()
