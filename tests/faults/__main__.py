"""Run the fault suite and print the table of its figures; exit code 1 when a promise was broken."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is first imported

from conftest import execute

from faults.ground import Ground, own_server
from faults.outcome import Outcome, table
from faults.scenarios import SCENARIOS, WHOLE_DAYS, play
from faults.working import EVERYTHING, FAST
from recsys_tasks.core.config import Config
from recsys_tasks.demo.world import PRESETS, build_world, write_world


def main() -> int:
    """Play the scenarios asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; all by default")
    parser.add_argument("--count-factor", type=float, default=1.0, metavar="F", help="so many times the full numbers")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="another seed, other faults (default 1)")
    everything = f"with every component; by default {', '.join(WHOLE_DAYS)}"
    parser.add_argument("--everything", action="store_true", help=everything)
    args = parser.parse_args()
    if unknown := set(args.scenarios) - set(SCENARIOS):
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}")
    outcomes: list[Outcome] = []
    with _ground(EVERYTHING if args.everything else FAST) as ground:
        for name in args.scenarios or (WHOLE_DAYS if args.everything else SCENARIOS):
            count = max(1, round(SCENARIOS[name].full * args.count_factor))
            outcomes.append(play(name, ground, count, args.seed))
            print(*table(outcomes[-1:]).splitlines()[2:], sep="\n", file=sys.stderr, flush=True)
    print(table(outcomes))
    return int(any(outcome.failures for outcome in outcomes))


@contextmanager
def _ground(config: Config) -> Iterator[Ground]:
    with own_server() as server, tempfile.TemporaryDirectory(prefix="recsys-faults-") as folder:
        execute(server.get_uri(), "ALTER SYSTEM SET fsync = off", "CREATE DATABASE small_world")
        dsn = server.get_uri(database="small_world")
        write_world(dsn, build_world(PRESETS["small"]))
        yield Ground(Path(folder), dsn, config)


if __name__ == "__main__":
    sys.exit(main())
