"""Arrays in files without a name: as large as the disk, gone with the process that holds them, however it ends."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import Scratch
from recsys_tasks.storage.files import storage_errors


def scratch_in(folder: str) -> Scratch:
    """Arrays in nameless files of a folder. Their room is taken at once: a mapped file that the full disk does not let
    grow would end the process."""

    def made(length: int, kind: npt.DTypeLike) -> npt.NDArray[Any]:
        size = int(length) * np.dtype(kind).itemsize
        if not size:
            return np.empty(0, kind)
        with storage_errors(Path(folder)), tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, kind, "r+", shape=(int(length),))

    return made
