"""Acting from a page: the project's own command line runs in a process of its own, as at an operator's terminal.

A heavy step then takes neither the memory nor the time of the server that shows the pages.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.formatting import count
from recsys_tasks.core.roots import OPTIONS
from recsys_tasks.release.bundles import Bundles
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.storage.store import ArtefactStore

LIMIT, LONG_LIMIT = 120.0, 900.0
"""Seconds that an act may take; the longer one where a bundle is finished and perhaps judged again."""
SAID_NO = 3
"""Exit code of a command that did its work, where the gate says HOLD or BLOCK."""
KEPT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "TMPDIR", "TZ")
CLIENTS = ("AWS_", "AZURE_", "GOOGLE_")
"""How the variables begin from which the client of an object store takes keys, regions and endpoints."""
PARENT = Path(__file__).resolve().parents[2]


class End(Enum):
    """How an act ended."""

    DONE = "done"
    REFUSED = "refused"  # with a reason; nothing changed
    BROKEN = "broken"  # killed, or out of time: only the release log knows


class Outcome(NamedTuple):
    """How an act ended, and the command's own words about it."""

    end: End
    words: str


def act(arguments: Sequence[str], environment: Mapping[str, str], limit: float = LIMIT) -> Outcome:
    """Run one command of ``recsys``.

    Args:
        arguments: the command and what follows it; nothing of it reaches a shell.
        environment: the caller's variables; only those that the command needs are handed on.
        limit: seconds until it is stopped.
    """
    command = [sys.executable, "-P", "-m", "recsys_tasks", *arguments]
    try:
        ended = subprocess.run(
            command,
            env=child_environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = f"It was stopped after {count(limit)} seconds. Look at what is live before all else."
        return Outcome(End.BROKEN, text)
    if ended.returncode not in (0, 1, 2, SAID_NO):
        text = f"It was killed (exit code {ended.returncode}). Look at what is live, and at this server's memory."
        return Outcome(End.BROKEN, text)
    if ended.returncode in (0, SAID_NO):
        return Outcome(End.DONE, ended.stdout.strip())
    return Outcome(End.REFUSED, ended.stdout.strip() or _last_words(ended.stderr))


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that the command needs, and no others: no secret of the server goes along but what opens a store in
    a bucket."""
    ours = ("RECSYS_", *(CLIENTS if OPTIONS in environment else ()))
    kept = {name: value for name, value in environment.items() if name in KEPT or name.startswith(ours)}
    search = os.pathsep.join(filter(None, [str(PARENT), environment.get("PYTHONPATH")]))
    return kept | {"PYTHONPATH": search, "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}


def standing(store: ArtefactStore, log: ReleaseLog) -> dict[str, Any]:
    """What a person acts upon: the number of the newest entry, what is live, and the releases to return to.

    Releases come newest first; one whose files retention has removed is left out.
    """
    live, stored = log.live, set(Bundles(store).candidates())
    shown = {"release": live.release, "day": live.day.isoformat(), "pinned": live.pinned} if live else None
    others = [
        {"release": entry.release, "day": entry.day.isoformat()}
        for entry in reversed(log.releases)
        if live and entry.release != live.release and entry.candidate[:SHORT] in stored
    ]
    return {"entry": len(log.entries), "live": shown, "others": others}


def _last_words(errors: str) -> str:
    """The refusal in the last line of standard error, without the name of its class."""
    lines = errors.strip().splitlines() or ["It was refused without a word."]
    return re.sub(r"^[A-Z]\w+: ", "", lines[-1])
