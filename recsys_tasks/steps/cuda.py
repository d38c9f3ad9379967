"""Whether ``implicit`` can train on a CUDA device of this machine, and which part is missing if not.

The library itself says only that it cannot: without RMM not even that.
"""

import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import in_one_line
from recsys_tasks.core.records import Json

MEND = 'or take [als] backend = "implicit"'
INSTALL = "Install recsys-pipeline[gpu], and name the folders of its nvidia packages in LD_LIBRARY_PATH"


def device_versions() -> Json:
    """Versions of the library and of RMM, the memory manager that its CUDA part is built for.

    Raises:
        ConfigError: RMM, a library of CUDA or the device is missing; the message names the first that is.
    """
    if find_spec("rmm") is None:
        raise _lacks("RMM (rmm-cu13), which is not installed in this Python", INSTALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is said below in a sentence
        _tried("RMM (rmm-cu13) with its libraries", lambda: import_module("rmm"), INSTALL)
        cuda = _tried(
            "the CUDA part of implicit with its libraries", lambda: import_module("implicit.gpu._cuda"), INSTALL
        )
    devices = _tried("a CUDA device", cuda.get_device_count, "Run it on a machine with one, and its driver")
    if not devices:
        raise _lacks("a CUDA device, and there is none", "Run it on a machine with one, and its driver")
    return {"version": version("implicit"), "rmm": version("rmm-cu13")}


def _tried(part: str, attempt: Callable[[], Any], mend: str) -> Any:
    """What a part gives; it is a compiled one, and says with any kind of error what it lacks."""
    try:
        return attempt()
    except (ImportError, OSError, RuntimeError) as error:
        said = in_one_line(str(error)).rstrip(".")
        raise _lacks(f"{part}, which cannot be used here ({said})", mend) from None


def _lacks(needed: str, mend: str) -> ConfigError:
    return ConfigError(f'[als] backend = "implicit-gpu" needs {needed}. {mend}, {MEND}.')
