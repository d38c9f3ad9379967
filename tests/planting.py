"""Stored artefacts that hold something else, and vouch for it: only a look at what they hold can tell."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from settings import reseal

from recsys_tasks.storage.artefacts import read_manifest


def plant(path: Path, **contents: Any) -> Path:
    """Put other arrays, tables or bytes into a stored artefact, and a manifest that vouches for them."""
    for stem, content in contents.items():
        file = next(path / name for name in read_manifest(path).files if Path(name).stem == stem)
        file.unlink()  # it may be mapped: written in place, it would change under its reader
        if isinstance(content, np.ndarray):
            np.save(file, content)
        elif isinstance(content, bytes):
            file.write_bytes(content)
        else:
            pq.write_table(content, file)
    reseal(path)
    return path
