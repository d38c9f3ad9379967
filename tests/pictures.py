"""The pictures of the documentation, taken from the demo's own UI by ``scripts/screenshots``.

scripts/screenshots [--days 7] [--to docs/images] [--all]
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from browser import PLUGIN, Browsing, Scheme, signed_in

from benchmarks.passing_airflow import DAG_ID, DAG_SECONDS, passing_airflow
from recsys_tasks.demo.deliver import DAG_ID as DELIVER_DAG
from recsys_tasks.demo.run_demo import ENDED, last_days, run_days
from recsys_tasks.demo.supervisor import DEMO_CONFIG, RunningAirflow

IMAGES = Path(__file__).parents[1] / "docs" / "images"
DELIVERED_SECONDS = 900.0
SIZES: tuple[tuple[int, Scheme], ...] = ((1280, "light"), (1280, "dark"), (800, "light"), (800, "dark"))


def main() -> int:
    """Run the demo's days, take the pictures; 1 when a page complained."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("--days", type=int, default=7, help="days of the demo's world (7)")
    parser.add_argument("--to", type=Path, default=IMAGES, help="folder of the pictures (docs/images)")
    parser.add_argument("--all", action="store_true", help="also narrow and dark ones, to look at")
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    say = partial(print, flush=True)
    with passing_airflow(DEMO_CONFIG.read_text(), ["--preset", "demo"], say=say) as airflow:
        airflow.wait_until(lambda: airflow.api.dag_is_known(DELIVER_DAG), DAG_SECONDS, f"the DAG {DELIVER_DAG}")
        airflow.api.unpause(DELIVER_DAG)  # from now on it delivers whenever a release goes live
        run_days(airflow, last_days(args.days))
        airflow.wait_until(lambda: _delivered(airflow), DELIVERED_SECONDS, "the end of the deliveries")
        complaints = [told for size in SIZES[: 4 if args.all else 1] for told in _pictures(airflow, args.to, *size)]
    print("\n".join(["Complaints of the pages:", *complaints] if complaints else ["No page complained."]))
    return int(bool(complaints))


def _delivered(airflow: RunningAirflow) -> bool:
    runs = airflow.api.runs(DELIVER_DAG)
    return bool(runs) and all(run["state"] in ENDED for run in runs)


def _pictures(airflow: RunningAirflow, folder: Path, width: int, scheme: Scheme) -> list[str]:
    """All pictures at one size; what the pages complained of."""
    suffix = "" if (width, scheme) == SIZES[0] else f"-{width}-{scheme}"
    with signed_in(airflow.url, airflow.user, airflow.password, width=width, height=1000, scheme=scheme) as seen:
        for name, show in VIEWS.items():
            show(seen, airflow)
            seen.page.screenshot(path=folder / f"{name}{suffix}.png", animations="disabled")
        return [f"{width} {scheme}: {told}" for told in seen.complaints]


def _live(seen: Browsing, _airflow: RunningAirflow) -> None:
    seen.page.goto(PLUGIN)
    seen.frame().get_by_role("button", name="Roll back").first.wait_for()


def _history(seen: Browsing, _airflow: RunningAirflow) -> None:
    seen.enter("Over time")
    seen.frame().locator("svg").first.wait_for()


def _candidates(seen: Browsing, _airflow: RunningAirflow) -> None:
    seen.enter("Candidates and releases")
    seen.frame().get_by_role("button", name="Roll back").first.wait_for()


def _ask(seen: Browsing, _airflow: RunningAirflow) -> None:
    seen.enter("Try it")
    frame = seen.frame()
    frame.get_by_label("A listener's id").fill("1418")
    frame.get_by_role("button", name="Ask").click()
    frame.get_by_role("heading", name="For listener 1418").wait_for()
    frame.get_by_label("Beside it").select_option("1")
    frame.get_by_role("button", name="Show").click()
    frame.get_by_text("in both lists").wait_for()
    frame.get_by_label("Lists").get_by_role("link", name="Discover").click()
    frame.get_by_text("because you played").first.wait_for()


def _lineage(seen: Browsing, _airflow: RunningAirflow) -> None:
    seen.enter("Candidates and releases")
    seen.frame().get_by_role("link", name="made from").first.click()
    seen.frame().get_by_role("heading", name="Partitions").first.wait_for()


def _report(seen: Browsing, airflow: RunningAirflow) -> None:
    run = airflow.api.runs(DAG_ID)[-1]["dag_run_id"]
    seen.page.goto(f"/dags/{DAG_ID}/runs/{run}/plugin/recsys-report")
    seen.frame().get_by_role("heading").first.wait_for()


def _deliveries(seen: Browsing, _airflow: RunningAirflow) -> None:
    seen.enter("Deliveries")
    seen.frame().locator("svg").first.wait_for()


VIEWS: dict[str, Callable[[Browsing, RunningAirflow], None]] = {
    "live": _live,
    "over-time": _history,
    "candidates": _candidates,
    "try-it": _ask,
    "lineage": _lineage,
    "report": _report,
    "deliveries": _deliveries,
}

if __name__ == "__main__":
    sys.exit(main())
