"""What the streams of a day must look like before anything is trained on them: figures in, named checks out.

Volume, listeners and tracks are compared with the median of the 7 days before, everything else with bounds of its own.
A value on a bound is within it. A figure with fewer than 3 earlier days to compare it with passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from recsys_tasks.core.policy import QualityConfig

HISTORY_DAYS = 7
"""A day is compared with so many dates before it: a week, so that every weekday is among them once."""
MIN_HISTORY_DAYS = 3
"""The median of fewer days would be one of them."""
OK, WARN, STOP = "ok", "warn", "stop"
Bounds = tuple[float, float]
Counted = Mapping[str, Any]
"""Figures of a partition: rows_read, rows_kept, dropped_<reason>, listeners, tracks, most_plays_by_one_user."""


@dataclass(frozen=True)
class DataCheck:
    """A check of the data: its name, its outcome, what was found, and the bounds that were asked for."""

    name: str
    outcome: str  # ok, warn or stop
    found: str
    asked: str

    def __str__(self) -> str:
        return f"{self.name}: {self.found}, asked: {self.asked}"


def checks_on(figures: Counted, earlier: Sequence[Counted], policy: QualityConfig) -> list[DataCheck]:
    """Check one day.

    Args:
        figures: of the day's partition. Zero rows kept mean that somebody allowed the empty day by name: nothing of it
            is trained on, so that nothing stops it.
        earlier: figures of the dates before it that are stored, 7 at the most. Empty dates do not enter the median,
            nor does a partition in which something was not counted yet.
        policy: the bounds.
    """
    past = [each for each in earlier if each["rows_kept"]]
    read = figures["rows_read"]
    lost = {name.removeprefix("dropped_"): rows for name, rows in figures.items() if name.startswith("dropped_")}
    duplicates = lost.pop("duplicate")
    dropped = (policy.warn_dropped, policy.stop_dropped)
    checks = [
        _ratio("volume", "streams", "rows_kept", figures, past, (policy.warn_volume, policy.stop_volume)),
        _ratio("listeners", "listeners", "listeners", figures, past, (policy.warn_listeners, policy.stop_listeners)),
        _ratio("tracks", "tracks", "tracks", figures, past, (policy.warn_tracks, policy.stop_tracks)),
        *(_share(f"dropped as {reason.replace('_', ' ')}", rows, read, dropped) for reason, rows in lost.items()),
        _share("duplicates", duplicates, read, (policy.warn_duplicates, policy.stop_duplicates)),
        _plays_by_one_user(figures, policy),
        DataCheck("schema", OK, "tables, columns, types and rights, before a row was read", "the configuration's"),
    ]
    if not figures["rows_kept"]:
        return [replace(check, outcome=WARN) if check.outcome == STOP else check for check in checks]
    return checks


def _ratio(
    name: str, unit: str, figure: str, figures: Counted, past: Sequence[Counted], bounds: tuple[Bounds, Bounds]
) -> DataCheck:
    """Compare a figure with its median over the earlier days."""
    (warn_low, warn_high), (stop_low, stop_high) = bounds
    asked = f"{warn_low:g} to {warn_high:g} times, at the utmost {stop_low:g} to {stop_high:g}"
    found, known = figures.get(figure), [each[figure] for each in past if figure in each]
    if found is None:
        return DataCheck(name, OK, "not counted when the day was extracted", asked)
    if not figures["rows_kept"]:
        return DataCheck(name, OK, f"0 {unit}: the day was allowed to be empty", asked)
    if len(known) < MIN_HISTORY_DAYS:
        found_text = f"{found:,} {unit}; {len(known)} earlier days with streams are no history to compare with"
        return DataCheck(name, OK, found_text, asked)
    usual = median(known)
    found_text = f"{found:,} {unit}, {found / usual:.2f} times the median of {len(known)} days before ({usual:,.10g})"
    return DataCheck(name, _outcome(found / usual, *bounds), found_text, asked)


def _share(name: str, rows: int, read: int, bounds: Bounds) -> DataCheck:
    """Look at a share of the rows that the source holds of the day."""
    warn, stop = bounds
    share = rows / read if read else 0.0
    asked = f"at most {100 * warn:g}%, at the utmost {100 * stop:g}%"
    return DataCheck(name, _outcome(share, (0, warn), (0, stop)), f"{rows:,} of {read:,} rows ({share:.2%})", asked)


def _plays_by_one_user(figures: Counted, policy: QualityConfig) -> DataCheck:
    warn, stop = policy.warn_plays_by_one_user, policy.stop_plays_by_one_user
    name, asked = "most plays by one user", f"at most {warn:,}, at the utmost {stop:,}"
    found = figures.get("most_plays_by_one_user")
    if found is None:
        return DataCheck(name, OK, "not counted when the day was extracted", asked)
    return DataCheck(name, _outcome(found, (0, warn), (0, stop)), f"{found:,}", asked)


def _outcome(value: float, warn: Bounds, stop: Bounds) -> str:
    if not stop[0] <= value <= stop[1]:
        return STOP
    return OK if warn[0] <= value <= warn[1] else WARN
