"""How much memory this process holds and has held, as the system counts it."""

import resource
from contextlib import suppress
from pathlib import Path


def peak_megabytes() -> float:
    """Most that it has held since ``count_peak_anew``, or since its start where the system cannot do that."""
    return status_megabytes("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def count_peak_anew() -> None:
    """Let the system forget how much this process held before, where it can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def status_megabytes(name: str) -> float | None:
    """A line of the process's status, in megabytes."""
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), None)
    return None
