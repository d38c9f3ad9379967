"""The same day under other hash seeds, time zones, locales, umasks, threads and processors: the same bytes."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

from settings import TOML

from faults.ground import BASE_DAYS, Ground
from faults.invariants import bytes_of
from faults.outcome import Outcome
from recsys_tasks.storage.mark import MARK

VARIABLES = {
    "PYTHONHASHSEED": ("0", "1", "4242"),
    "TZ": ("UTC", "Pacific/Kiritimati", "America/St_Johns", "Europe/Paris"),
    "LC_ALL": ("C", "C.UTF-8", "POSIX", "tr_TR.UTF-8"),
    "OPENBLAS_NUM_THREADS": ("1", "2", "7"),
    "OMP_NUM_THREADS": ("1", "2", "5"),
    "PYTHONUTF8": ("0", "1"),
    "PYTHONOPTIMIZE": ("0", "1"),
    "HOME": ("/", "/nonexistent"),
}
UMASKS = (0o022, 0o077, 0o000, 0o027)


def environments(ground: Ground, outcome: Outcome, count: int, random: Random) -> None:
    """Run the command line in an empty root, in one environment after the other."""
    expected: dict[str, str] = {}
    for n in range(count + 1):
        chosen = {name: random.choice(values) for name, values in VARIABLES.items()}
        umask, processors = random.choice(UMASKS), random.choice(sorted({1, os.cpu_count() or 1}))
        root = ground.folder / f"environment-{n}"
        said = _run(root, ground.dsn, chosen, umask, processors)
        found = {name: digest for name, digest in bytes_of(root / "store").items() if not _is_of_its_own(name)}
        expected = expected or found
        if n:  # the first is what the others are compared with
            differ = [name for name in sorted({*found, *expected}) if found.get(name) != expected.get(name)]
            case = f"{chosen}, umask {umask:03o}, {processors} processors"
            outcome.add(case, [f"I5: {name} has other bytes" for name in differ] + [said] * bool(said))


def _is_of_its_own(name: str) -> bool:
    """Whether a file differs in each store: its mark is drawn, and entries of the log tell when."""
    return name == MARK or name.startswith("releases/")


def _run(root: Path, dsn: str, variables: dict[str, str], umask: int, processors: int) -> str:
    """A day by the command line; what it said if it refused."""
    root.mkdir()
    (root / "config.toml").write_text(TOML)
    paths = {"RECSYS_ROOT": str(root / "store"), "RECSYS_CONFIG": str(root / "config.toml"), "RECSYS_SOURCE_DSN": dsn}
    python_path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-m", "recsys_tasks", "run", "--date", BASE_DAYS[0].isoformat()],
        env=os.environ | variables | paths | python_path,
        umask=umask,
        preexec_fn=lambda: os.sched_setaffinity(0, range(processors)),
        capture_output=True,
        text=True,
        check=False,
    )
    return f"exit code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}" if done.returncode else ""
