"""kill -9 at random moments of every step: nothing corrupt, nothing acknowledged lost, a rerun gives the same bytes."""

from random import Random
from time import sleep

from faults.ground import Ground
from faults.outcome import Outcome

BEYOND = 1.1
"""Kills lie up to this share of the step's own time after its beginning."""


def kills(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Kill a day at work, in each step in turn, look at what it left, run it again."""
    steps = random.sample(list(ground.seconds), len(ground.seconds))
    for n in range(count):
        step = steps[n % len(steps)]
        moment = random.uniform(0, BEYOND * ground.seconds[step])
        root = ground.clone(ground.before[step])
        worker = ground.start(root, report=step == "report")
        worker.hear("step", step)
        sleep(moment)
        worker.kill()
        outcome.tally("killed at work", worker.refusal != "")
        outcome.tally("acknowledged", len(worker.acknowledged))
        outcome.add(f"{step} after {moment:.3f} s", ground.broken_after(root, worker))
