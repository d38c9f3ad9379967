"""Settings of the Airflows that tests start, which each of their processes reads from a folder on its PYTHONPATH."""

import sys
from datetime import timedelta

if "scheduler" in sys.argv:
    import recsys_tasks.steps  # noqa: F401 - its executor forks the tasks: what each would import is imported once

__all__ = ("task_policy",)


def task_policy(task):
    """What was refused is tried again after seconds, not after half a minute."""
    task.retry_delay = timedelta(seconds=3)
