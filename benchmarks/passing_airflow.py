"""A whole Airflow on a made-up world for tests and benchmarks, in a home that is removed at the end."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from recsys_tasks.demo.guarded import Program
from recsys_tasks.demo.supervisor import RunningAirflow, Say, running_airflow, silent

DAG_ID = "daily_recommendations"
DAG_SECONDS = 600.0  # a busy machine needs minutes to parse the DAG for the first time
SMALL_TOML = """
[source]
history_start = 2026-01-05

[catalogue]
table = "tracks"

[als]
weight = "log"
a = 1.0
regularization = 10.0

[evaluation]
salt = "recsys"

[gate]
min_users = 100
margin = 0.5
"""
"""The configuration for the world's preset ``small``, which is a matter of seconds."""


@contextmanager
def passing_airflow(
    config: str, world: Sequence[str], environment: Mapping[str, str] | None = None, say: Say = silent
) -> Iterator[RunningAirflow]:
    """Airflow with its DAG known, and paused.

    Args:
        config: text of the configuration's file.
        world: options of ``world make``.
        environment: overrides everything that is decided here; the caller's own variables of Airflow and of this
            program are not passed on.
        say: called with a line whenever the start has come further.
    """
    home = Path(tempfile.mkdtemp(prefix="recsys-airflow-"))
    home.chmod(0o711)  # PostgreSQL's own account must be able to enter
    file = home.with_suffix(".toml")  # beside it: the home is emptied at the start
    file.write_text(config)
    make = Program("world", [sys.executable, "-m", "recsys_tasks", "world", "make", *world])
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "RECSYS"))}
    given = {"RECSYS_CONFIG": str(file), **(environment or {})}
    try:
        with running_airflow(home, given, base=outside, beside=[make], say=say) as airflow:
            airflow.wait_until(lambda: airflow.api.dag_is_known(DAG_ID), DAG_SECONDS, "the DAG")
            yield airflow
    finally:
        shutil.rmtree(home, ignore_errors=True)
        file.unlink()
