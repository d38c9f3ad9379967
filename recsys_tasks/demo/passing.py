"""An Airflow for a while: a whole one, on a made-up world, in a home of its own that is gone at the end."""

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
DAG_SECONDS = 600.0
SMALL_TOML = Path(__file__).with_name("small.toml").read_text()
"""The configuration of the world's preset ``small``."""


@contextmanager
def passing_airflow(
    config: str, world: Sequence[str], environment: Mapping[str, str] | None = None, say: Say = silent
) -> Iterator[RunningAirflow]:
    """Airflow with its DAG known, and paused.

    Args:
        config: text of the configuration's file.
        world: options of ``world make``.
        environment: wins over everything that is decided here; of the caller's own, nothing of Airflow's and of ours
            goes along.
        say: told how the start goes on.
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
