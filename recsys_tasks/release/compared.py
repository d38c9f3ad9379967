"""Which release a candidate was compared with, and how that is called, whatever is live by now."""

import re
from collections.abc import Mapping
from typing import Any

LIVE_RELEASE = re.compile(r"\bthe live release\b")


def incumbent_release(figures: Mapping[str, Any]) -> int | None:
    """Number of the release that a candidate was compared with, from its verdict's figures; None: none is named."""
    number = (figures.get("honest") or {}).get("release")
    return None if number is None else int(number)


def incumbent_name(release: int | None) -> str:
    """How the release that a candidate was compared with is called, whatever is live by now."""
    return "the release before" if release is None else f"release {release}"


def naming_the_incumbent(text: str, release: int | None) -> str:
    """A stored reason or warning with the number of the release that it was compared with.

    The gate writes "the live release", which is another one by the time somebody reads it, and for a date older than
    what was live it never was the live one.
    """
    return text if release is None else LIVE_RELEASE.sub(incumbent_name(release), text)
