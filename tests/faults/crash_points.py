"""kill -9 before the k-th write, fsync, rename, link, mkdir, chmod or unlink of a day, for every k."""

from functools import cache
from random import Random

from faults.ground import Ground
from faults.outcome import Outcome
from faults.tracing import ALL, calls_of, fault, traced, why_not
from faults.working import Worker, a_day


def crash_points(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Run a day once to list its calls, then once for each of them, killed on entering it."""
    outcome.skipped = why_not()
    if outcome.skipped:
        return
    points = listed(ground)
    outcome.tally("points in a day", len(points))
    for group, number in sorted(random.sample(points, min(count, len(points)))):
        root = ground.clone(ground.base)
        worker = Worker(a_day, ground.job(root))
        with traced(worker, *fault(group, number, "signal=KILL")):
            worker.go().finish()
        outcome.tally("killed there", worker.refusal.startswith("died"))
        outcome.add(f"{group} {number}", ground.broken_after(root, worker))


@cache
def listed(ground: Ground) -> list[tuple[str, int]]:
    """Every call of an undisturbed day that touches the store."""
    root = ground.clone(ground.base)
    worker = Worker(a_day, ground.job(root))
    with traced(worker, *ALL) as lines:
        worker.go().finish()
    return calls_of(worker, root, lines)
