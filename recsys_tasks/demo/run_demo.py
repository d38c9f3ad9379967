"""The demo: a small world's streams, seven days through the real scheduler, and what came of it.

    python -m recsys_tasks.demo.run_demo [--keep] [--days N] [--home DIRECTORY] [--port N]

Everything it makes lies under its home (``.demo`` in the clone) and is made anew at each start.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from recsys_tasks.core.config import load_config
from recsys_tasks.core.errors import ConfigError, RecsysError
from recsys_tasks.demo.airflow_api import Json
from recsys_tasks.demo.airflow_environment import CLONE
from recsys_tasks.demo.deliver import deliver
from recsys_tasks.demo.guarded import Program, ending_in_order
from recsys_tasks.demo.ports import PORT_VARIABLE, USUAL_PORT, usual_port
from recsys_tasks.demo.show import TRUTH, show_address, show_days, show_realism, show_recommendations, show_similar
from recsys_tasks.demo.supervisor import DEMO_CONFIG, RunningAirflow, running_airflow

MAKE_WORLD = ("world", "make", "--preset", "demo")
DAG_ID = "daily_recommendations"
HOME_VARIABLE = "RECSYS_DEMO_HOME"
DAG_SECONDS = 90.0
RUN_SECONDS = 240.0
ENDED = ("success", "failed")
TASK_ENDED = (*ENDED, "skipped", "upstream_failed", "removed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 when every day's run succeeded, 1 when not, 128 + n when signal n ended it."""
    options = _parser().parse_args(arguments)
    with ending_in_order():
        try:
            require_clone()
            return demo(options.home, options.days, options.port, keep=options.keep)
        except RecsysError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
        except SystemExit as ending:
            print("\ndemo: stopped; nothing is left running.", file=sys.stderr)
            return int(ending.code or 0)


def require_clone(clone: Path = CLONE) -> None:
    """Pass where the DAGs and the plugins lie beside the library, as in a clone and in an editable installation.

    Raises:
        ConfigError: they do not, as where a wheel was installed.
    """
    missing = " and no ".join(f"{name}/" for name in ("dags", "plugins") if not (clone / name).is_dir())
    if missing:
        raise ConfigError(
            f"The demo needs a clone of the project: {clone} has no {missing}. Run scripts/demo in a clone."
        )


def demo(home: Path, days: int, port: int | None, *, keep: bool) -> int:
    """Start everything, run the days, show the results, deliver what is live, stop everything.

    Args:
        home: where everything is kept.
        days: how many of the world's last days to run.
        port: of the UI; None: the usual one, or any if somebody has that.
        keep: leave the UI up until Ctrl-C.
    """
    port = usual_port(_say) if port is None else port
    with running_airflow(home, beside=[world_program(home)], say=_say, port=port) as airflow:
        show_address(airflow, _say)
        show_realism(airflow, _say)
        runs = run_days(airflow, last_days(days))
        show_days(airflow, _say)
        show_recommendations(airflow, _say)
        show_similar(airflow, _say)
        deliver(airflow, _say)
        if keep:
            show_address(airflow, _say)
            _say("Ctrl-C stops everything.")
            wait_for_the_end(airflow)
        else:
            _say("All servers stop now. scripts/demo --keep leaves the UI up until Ctrl-C.")
    return 0 if all(run["state"] == "success" for run in runs) else 1


def world_program(home: Path) -> Program:
    """The command that writes the demo's world into the source, and keeps its truth for the oracle."""
    return Program("world", [sys.executable, "-m", "recsys_tasks", *MAKE_WORLD, "--truth", str(home / TRUTH)])


def last_days(days: int) -> tuple[date, date]:
    """First and last of the world's last days.

    Raises:
        ConfigError: the demo's configuration names no last day, or the world has fewer days.
    """
    config = load_config(DEMO_CONFIG)
    first, last = config.source.history_start, config.schedule.end_date
    if last is None or not 1 <= days <= (last - first).days + 1:
        raise ConfigError(f"--days {days}: the demo's world runs from {first} to {last}; choose a number within it.")
    return last - timedelta(days=days - 1), last


def run_days(airflow: RunningAirflow, span: tuple[date, date]) -> list[Json]:
    """Run each day of the span through the scheduler, one after another; return the runs.

    The runs are created while the DAG is still paused: a DAG that is unpaused at once gets a scheduled run for its
    latest day, ahead of the days before it.
    """
    airflow.wait_until(lambda: _is_known(airflow), DAG_SECONDS, f"the DAG {DAG_ID}")
    first, last = (f"{day.isoformat()}T00:00:00Z" for day in span)
    airflow.api.create_backfill(DAG_ID, first, last)
    airflow.api.unpause(DAG_ID)
    _say(f"{DAG_ID}: running {span[0]} to {span[1]}")
    progress = _Progress(airflow)
    n_days = (span[1] - span[0]).days + 1
    airflow.wait_until(progress.all_ended, RUN_SECONDS * n_days, "the end of all runs", pause_s=1.5)
    return airflow.api.runs(DAG_ID)


class _Progress:
    """Says each task and each run once, when it has ended."""

    def __init__(self, airflow: RunningAirflow) -> None:
        self._airflow = airflow
        self._said: set[tuple[str, str]] = set()

    def all_ended(self) -> bool:
        """Say what has ended since the last call; answer whether every run has."""
        runs = self._airflow.api.runs(DAG_ID)
        for run in runs:
            if run["start_date"] is not None and (run["dag_run_id"], "") not in self._said:
                self._follow(run)
        return bool(runs) and all(run["state"] in ENDED for run in runs)

    def _follow(self, run: Json) -> None:
        day, run_id = run["data_interval_start"][:10], run["dag_run_id"]
        tasks = self._airflow.api.task_instances(DAG_ID, run_id)
        for task in sorted(tasks, key=lambda task: task["end_date"] or ""):
            if task["state"] in TASK_ENDED and (run_id, task["task_id"]) not in self._said:
                self._said.add((run_id, task["task_id"]))
                _say(f"  {day}  {task['task_id']:<24} {task['state']:<16} {task['duration'] or 0:6.1f} s")
        if run["state"] in ENDED:
            self._said.add((run_id, ""))
            _say(f"  {day}  the day {run['state']:<33} {run['duration']:6.1f} s")


def _is_known(airflow: RunningAirflow) -> bool:
    """Whether the DAG can be run.

    Raises:
        RecsysError: its file cannot be imported.
    """
    if errors := airflow.api.import_errors():
        raise RecsysError(f"a DAG file cannot be imported: {'; '.join(errors)}")
    return airflow.api.dag_is_known(DAG_ID)


def wait_for_the_end(airflow: RunningAirflow) -> None:
    """Return on Ctrl-C or SIGTERM.

    Raises:
        ComponentFailed: a component ended by itself.
    """
    try:
        while True:
            airflow.check_alive()
            time.sleep(1.0)
    except SystemExit as ending:
        if ending.code != 128 + signal.SIGINT:
            raise
        _say("\nStopping ...")


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Run the pipeline on a small made-up world.")
    parser.add_argument("--keep", action="store_true", help="leave the UI up until Ctrl-C")
    parser.add_argument("--days", type=int, default=7, help="how many of the world's last days to run (default: 7)")
    home = Path(os.environ.get(HOME_VARIABLE, CLONE / ".demo"))
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get(PORT_VARIABLE),
        help=f"port of the UI, 0 for any that is free (default: {USUAL_PORT}, or any where somebody has that)",
    )
    parser.add_argument("--home", type=Path, default=home, help=f"where everything is kept (default: {home})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
