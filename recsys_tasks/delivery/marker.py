"""What a table of ours says of itself, in its comment: from which store and release it is, and that it is ours."""

import json
from dataclasses import asdict, dataclass

from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import from_json

OURS = "Delivered by recsys; replaced as a whole by the next delivery. "
"""How the comment begins, for whoever looks at the table with psql."""


@dataclass(frozen=True)
class Marker:
    """Which delivery a table holds."""

    store: str  # id of the store's mark
    entry: int  # number of the entry of the release log that made the release live; the greater is the newer
    release: int
    delivery: str  # digest
    forgotten: str  # digest of the list of people who are not in it
    at: str  # when it was loaded, ISO-8601 UTC

    def to_comment(self) -> str:
        """The comment of the table."""
        return OURS + json.dumps(asdict(self), sort_keys=True)

    def is_of(self, other: "Marker | None") -> bool:
        """Whether another one names the same delivery, whenever it was loaded."""
        return other is not None and (self.store, self.delivery) == (other.store, other.delivery)


def marker_in(comment: str | None) -> Marker | None:
    """What a comment says; None where the table is not ours."""
    if not comment or not comment.startswith(OURS):
        return None
    try:
        return from_json(Marker, json.loads(comment.removeprefix(OURS)))
    except (BadData, ValueError, RecursionError):
        return None
