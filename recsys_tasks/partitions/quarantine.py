"""The quarantine: dates whose newest streams were stopped for what they are count as empty partitions.

A play matrix is folded over the digests that stand here, and over no others: everything that derives a chain from the
partitions asks for them. A date leaves the quarantine when its source is mended, when wider bounds are asked of it, or
when a person accepts it; then the later dates fold again, as after a restatement.
"""

from dataclasses import dataclass

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import DataRefused
from recsys_tasks.partitions.checked import CheckedDays
from recsys_tasks.partitions.data_quality import DataCheck
from recsys_tasks.partitions.repository import Partitions
from recsys_tasks.storage.stored_forms import NO_PLAYS


@dataclass(frozen=True)
class QuarantinedDay:
    """A date that counts as an empty partition, and why."""

    day: Day
    stops: tuple[DataCheck, ...]  # what stops its newest version, one at the least

    def __str__(self) -> str:
        found = "; ".join(map(str, self.stops))
        return f"{self.day} is quarantined, and no play of it is used: {found}"

    def refusal(self) -> DataRefused:
        """The error of the date's own run, which says what can be done."""
        return DataRefused(
            f"{self}. Later days go on without it. Mend the source and clear the run from extract_streams on, not only "
            "the failed task; or change the bounds in [quality]; or accept the streams with a reason (param "
            "accept_data, option --accept-data)."
        )


class Quarantine:
    """The quarantined dates of a store."""

    def __init__(self, partitions: Partitions, checked: CheckedDays) -> None:
        self._partitions, self._checked = partitions, checked

    def find(self, day: Day) -> QuarantinedDay | None:
        """A quarantined date with its reasons; None for every other.

        Raises:
            CorruptArtefact: what was kept of the date is damaged.
        """
        digest = self._partitions.digest(day)
        stops = self._checked.stops(day, digest) if digest else ()
        return QuarantinedDay(day, stops) if stops else None

    def days(self) -> list[QuarantinedDay]:
        """All quarantined dates, rising."""
        return [found for day in self._checked.refused_days() if (found := self.find(day))]

    def folded_digest(self, day: Day) -> str | None:
        """Digest of the partition that a date is folded from: the newest one, an empty one in quarantine, or none."""
        digest = self._partitions.digest(day)
        return NO_PLAYS if digest and self._checked.is_quarantined(day, digest) else digest
