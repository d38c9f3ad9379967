"""A disk without room for one more byte, or one more name, as a test meets it: a small file system in memory."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

ROOM = 64 << 20
"""Bytes of the file system: more than a store of three days."""


@contextmanager
def full_disk(folder: Path, store: Path) -> Iterator[Path]:
    """A copy of a store on a disk of its own, on which there is no room left for anything."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM},nr_inodes=2k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        root = Path(shutil.copytree(store, folder / "store", symlinks=True))
        _fill(folder / "rubbish")
        yield root
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(folder: Path) -> None:
    """Write, and then make folders, until neither is possible."""
    folder.mkdir()
    with suppress(OSError), (folder / "bytes").open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
    with suppress(OSError):
        for n in count():
            (folder / str(n)).mkdir()
