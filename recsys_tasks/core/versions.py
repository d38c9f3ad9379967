"""Which versions of what does the arithmetic: the same input gives the same bytes under the same versions alone."""

import platform
from functools import cache
from importlib.metadata import version

LIBRARIES = ("numpy", "scipy", "implicit", "annoy", "pyarrow")


@cache
def library_versions() -> dict[str, str]:
    """Name -> version, of Python and of the libraries that make artefacts."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
