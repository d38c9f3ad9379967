"""What all DAGs of ours have in common: they never catch up, run once at a time, and tell of a task that failed."""

from datetime import timedelta
from typing import Any

import pendulum

from recsys_dag import alerting

ONE_AT_A_TIME: dict[str, Any] = {
    "start_date": pendulum.datetime(2000, 1, 1, tz="UTC"),
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["recommendations"],
}
"""Arguments of a DAG. A run for a day that was missed is of no use: the next one finds what is missing."""


def tried_again(times: int, longest_pause: timedelta, timeout: timedelta) -> dict[str, Any]:
    """Arguments of a DAG's tasks.

    Args:
        times: retries of a task that does not say otherwise; the first comes after half a minute, each after twice that.
        longest_pause: between two tries.
        timeout: of one try.
    """
    return {
        "on_failure_callback": alerting.tell_failure,
        "retries": times,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": longest_pause,
        "execution_timeout": timeout,
    }
