"""The commands of README: the indented blocks below one heading, with its example values replaced by the stranger's.

One shell after the other: what a block exports, the next ones have.
"""

import os
import re
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recsys_tasks.core.errors import RecsysError

README = Path(__file__).parents[2] / "README.md"
HEADING = "## Use it on your service"
BLOCK = re.compile(r"(?:^(?: {4,}.*)?\n)+", re.MULTILINE)
COMMAND = re.compile(r"^(?:export|pip|recsys|airflow|cp|mkdir|printf|cat) ")


def blocks(text: str, heading: str = HEADING) -> list[str]:
    """The blocks of commands below a heading, in order. Prose of a list is indented by less than four spaces."""
    section = text[text.index(f"{heading}\n") + len(heading) :]
    section = re.split(r"^## ", section, maxsplit=1, flags=re.MULTILINE)[0]
    found = [textwrap.dedent(block).strip("\n") for block in BLOCK.findall(section + "\n")]
    return [block for block in found if COMMAND.match(block)]


def replaced(block: str, examples: Mapping[str, str]) -> tuple[str, set[str]]:
    """A block with the example values replaced, the longest first; and those that stood in it."""
    used = set()
    for example in sorted(examples, key=len, reverse=True):
        if example in block:
            used.add(example)
            block = block.replace(example, examples[example])
    return block, used


class CommandFailed(RecsysError):
    """A block of README did not do what it says."""


@dataclass
class Shell:
    """A terminal: its folder, its environment, which every block may change, and where its transcript goes."""

    folder: Path
    environment: dict[str, str]
    transcript: Path

    def run(self, block: str, allowed: int = 0) -> str:
        """Run a block as one shell does; what it said on both channels.

        Raises:
            CommandFailed: one of its commands ended with another code than 0, and not with the allowed one.
        """
        kept = self.transcript.with_suffix(".environment")
        script = f"set -euo pipefail\n{block}\nenv -0 > '{kept}'\n"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        shown = textwrap.indent(block, "$ ")
        with self.transcript.open("a") as file:
            file.write(f"{shown}\n{done.stdout}\n")
        if done.returncode not in (0, allowed):
            raise CommandFailed(f"{shown}\nended with {done.returncode}:\n{done.stdout[-4000:]}")
        if done.returncode == 0:
            self.environment = dict(_kept(kept))
        return done.stdout


def _kept(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_bytes().split(b"\0"):
        name, _, value = os.fsdecode(line).partition("=")
        if name and name not in ("_", "SHLVL", "PWD", "OLDPWD"):
            yield name, value
