"""What became of the rows of a date, as its partition keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsys_tasks.core.records import Json

DROPPED = "dropped_"
"""Before each reason in the stored form."""


@dataclass(frozen=True)
class PartitionFigures:
    """Rows of the source on one date: read = kept + dropped. None: not counted when the date was extracted."""

    rows_read: int
    rows_kept: int  # the sum of all plays
    dropped: Mapping[str, int]  # rows by reason
    pairs: int | None = None  # of listener and track
    listeners: int | None = None
    tracks: int | None = None
    most_plays_by_one_user: int | None = None

    def to_json(self) -> Json:
        """The stored form: one field a reason, what was not counted left out."""
        dropped = {f"{DROPPED}{reason}": rows for reason, rows in sorted(self.dropped.items())}
        counted = {name: value for name, value in vars(self).items() if name != "dropped" and value is not None}
        return {"rows_read": self.rows_read, "rows_kept": self.rows_kept, **dropped, **counted}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "PartitionFigures":
        """From the stored form."""
        dropped = {name.removeprefix(DROPPED): rows for name, rows in values.items() if name.startswith(DROPPED)}
        return cls(dropped=dropped, **{name: value for name, value in values.items() if not name.startswith(DROPPED)})
