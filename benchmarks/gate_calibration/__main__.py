"""The error rates of the gate, as Markdown tables.

    python -m benchmarks.gate_calibration [--quick] [--counts FILE] [--only same|faults|integrity] [--folder DIR]

Full, it takes about half an hour on two cores; --quick shows in a minute that everything runs, with figures that mean
nothing. --counts is a tab-separated file of real play counts (user, item, plays, with a header); without it, that part
is skipped. Everything is drawn from fixed seeds. What limits the figures stands in ``comparisons``.
"""

import argparse
import sys
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.gate_calibration.comparisons import DRAWN, REPEATED, SWAPPED, every_pair
from benchmarks.gate_calibration.integrity import integrity_table
from benchmarks.gate_calibration.listening import from_counts, synthetic
from benchmarks.gate_calibration.statistics import (
    FAULT,
    LOST,
    NOISE,
    SAME,
    Amounts,
    Trial,
    damaged_pairs,
    fault_rows,
    lost_name,
    noise_row,
    recall_table,
    same_row,
    size_table,
)
from benchmarks.gate_calibration.tables import table
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.demo.world import PRESETS, WorldParams

ALS = AlsConfig(weight="log", a=3.0, regularization=1.0, threads=1)  # as the demo's: chosen by tune
ALS_COUNTS = AlsConfig(weight="log", a=1.0, regularization=10.0, threads=1)  # by tune --split random, on Last.fm
WORLD = WorldParams(users=40_000, tracks=15_000, days=18)
QUICK_WORLD = WorldParams(users=3_000, tracks=2_000, days=6)
QUICK = Amounts(trainings=3, damaged=2, comparisons=50, runs=20, draws=3, min_users=50)
BEGAN = time.monotonic()


def say(line: str) -> None:
    """Progress goes to standard error, so that the tables can be kept."""
    print(f"{time.monotonic() - BEGAN:6.0f} s  {line}", file=sys.stderr, flush=True)


def trials(quick: bool, counts: Path | None) -> list[Trial]:
    """The synthetic world, the demo's, and real play counts where there are any."""
    amounts = QUICK if quick else Amounts()
    worlds = {"synthetic": WORLD, "demo": PRESETS["demo"]}
    if quick:
        worlds = dict.fromkeys(worlds, QUICK_WORLD)
    found = [synthetic(name, params, ALS) for name, params in worlds.items()]
    if counts is not None and counts.is_file():
        found.append(from_counts("real", counts, ALS_COUNTS))
    else:
        say("no file of real play counts (--counts): that part is skipped")
    return [Trial(each, amounts, say) for each in found]


def same(quick: bool, counts: Path | None) -> None:
    """The tables about a model that is compared with itself."""
    world, demo, *real = trials(quick, counts)
    large, small, few = (600, 300, 300) if quick else (10_000, 3_200, 1_000)
    cold = every_pair(world.cold, world.cold)
    rows = [same_row(world, "cold starts", cold, large, 0.02, how) for how in (DRAWN, REPEATED, SWAPPED)]
    rows.append(same_row(world, "warm starts", every_pair(world.warm, world.warm), large, 0.02))
    daily = list(zip(world.warm, world.earlier, strict=True))
    rows.append(same_row(world, "warm, against its parent", daily, large, 0.02))
    own = every_pair(demo.cold, demo.cold)
    rows += [same_row(demo, "cold starts", own, small, 0.05, how) for how in (DRAWN, SWAPPED)]
    rows.append(same_row(demo, "warm starts", every_pair(demo.warm, demo.warm), small, 0.05))
    for trial in real:
        pairs = every_pair(trial.cold, trial.cold)
        rows += [
            same_row(trial, "cold starts", pairs, few, margin, how)
            for margin in (0.02, 0.05)
            for how in (DRAWN, SWAPPED)
        ]
    print("### A model compared with itself\n")
    print(table(SAME, rows))
    print("### The noise of the training\n")
    noise = [noise_row(trial, "warm starts", trial.warm) for trial in (world, demo)]
    noise += [noise_row(trial, "cold starts", trial.cold) for trial in (world, demo, *real)]
    print(table(NOISE, noise))
    print("### The gate's own measurement of recall\n")
    print(recall_table(world))


def faults(quick: bool) -> None:
    """The tables of what the statistics alone say of faults, and of how many listeners they need."""
    world = trials(quick, None)[0]
    large = 600 if quick else 10_000
    pairs_of = {name: (models, pairs) for name, models, pairs in damaged_pairs(world)}
    print("### Planted faults, by the statistics alone\n")
    print(table(FAULT, fault_rows(world, pairs_of, large)))
    lost = [lost_name(share, "into the solver") for share in LOST]
    changes = {"unchanged": every_pair(world.cold, world.cold)} | {name: pairs_of[name][1] for name in lost}
    sizes = (300, large) if quick else (1_000, 2_000, 4_000, large)
    print("### Listeners and margin (PASS / HOLD / BLOCK, % of runs)\n")
    print(size_table(world, changes, sizes, (0.01, 0.02, 0.05)))


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--counts", type=Path, metavar="FILE")
    parser.add_argument("--only", choices=("same", "faults", "integrity"))
    parser.add_argument("--folder", type=Path, metavar="DIR", help="for small stores; best in memory")
    options = parser.parse_args()
    with threadpool_limits(1):
        if options.only in (None, "same"):
            same(options.quick, options.counts)
        if options.only in (None, "faults"):
            faults(options.quick)
        if options.only in (None, "integrity"):
            print("### Faults of integrity, through the real steps\n")
            print(integrity_table(options.folder, 2 if options.quick else 200, say))


if __name__ == "__main__":
    main()
