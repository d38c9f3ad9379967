"""A check, and what came of it: one line each, with the mend."""

from collections.abc import Iterable
from dataclasses import dataclass

OK, WARN, FAIL, NOT_HERE = "OK", "WARN", "FAIL", "--"


@dataclass(frozen=True)
class Check:
    """What was looked at, how it stands, what was found, and what to do about it."""

    name: str
    state: str  # OK, WARN, FAIL, or -- where it cannot be looked at from here
    found: str
    mend: str = ""

    def line(self) -> str:
        """As a person reads it."""
        mend = f" {self.mend}" if self.mend else ""
        return f"{self.state:<4}  {self.name}: {self.found}{mend}"


def failed(checks: Iterable[Check]) -> bool:
    """Whether anything FAILs."""
    return any(check.state == FAIL for check in checks)
