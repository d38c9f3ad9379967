"""Which versions of what does the arithmetic: the same input gives the same bytes under the same versions alone."""

import platform
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec

LIBRARIES, OPTIONAL = ("numpy", "scipy", "implicit", "annoy", "pyarrow"), ("lightgbm",)
"""Those that are always there, and those that are named where they are installed: LightGBM trains a re-ranker."""


@cache
def library_versions() -> dict[str, str]:
    """Name -> version, of Python and of the libraries that make artefacts."""
    names = (*LIBRARIES, *(name for name in OPTIONAL if find_spec(name)))
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
