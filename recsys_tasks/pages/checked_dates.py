"""What the checks of the data found on the dates that a page shows: warned, stopped, accepted, quarantined."""

from collections.abc import Iterable
from dataclasses import dataclass

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.pages.remembered import RememberedPartitions, quarantined_of
from recsys_tasks.pages.viewed import Viewed
from recsys_tasks.partitions.checked import FOLDER, CheckedDays, found_name
from recsys_tasks.partitions.data_quality import OK
from recsys_tasks.storage.manifest import MANIFEST


@dataclass(frozen=True)
class CheckedDate:
    """A date whose streams were not as usual."""

    day: Day
    state: str  # quarantined, accepted, mended, warned, damaged
    found: tuple[str, ...]
    words: tuple[str, ...] = ()  # who accepted it, when and why

    @property
    def look(self) -> str:
        """Class of the badge."""
        return {"quarantined": "bad", "damaged": "bad", "mended": "good"}.get(self.state, "warn")


def checked_dates(seen: Viewed, days: Iterable[Day]) -> list[CheckedDate]:
    """Those of some dates whose streams were not as usual, newest first; a date that was never checked is left out."""
    seen.stamps(FOLDER)
    stopped = {each.day: tuple(map(str, each.stops)) for each in quarantined_of(seen)}
    found = (_checked(seen, day, stopped.get(day, ())) for day in sorted(days, reverse=True))
    return [each for each in found if each]


def _checked(seen: Viewed, day: Day, stops: tuple[str, ...]) -> CheckedDate | None:
    try:
        partition = RememberedPartitions(seen).digest(day)
        warned, refused, words = _kept(seen, day, partition) if partition else ((), (), ())
    except CorruptArtefact as error:
        return CheckedDate(day, "damaged", (str(error),))
    if stops:
        return CheckedDate(day, "quarantined", (*stops, *warned), words)
    if refused:
        return CheckedDate(day, "accepted" if words else "mended", (*refused, *warned), words)
    return CheckedDate(day, "warned", warned) if warned else None


def _kept(seen: Viewed, day: Day, partition: str) -> tuple[tuple[str, ...], ...]:
    """What was unusual in the newest version, what ever stopped one, and who accepted the newest one."""
    checked, folder = CheckedDays(seen.as_store), f"{FOLDER}/{day.isoformat()}"
    names = (folder, f"{found_name(day, partition)}/{MANIFEST}")

    def read() -> tuple[tuple[str, ...], ...]:
        refused = tuple(checked.refusals(day))
        unusual = tuple(str(check) for check in checked.found(day, partition) or () if check.outcome != OK)
        words = (f"accepted by {each.by}, {each.at[:10]}: {each.why}" for each in checked.accepted(day, partition))
        return tuple(text for text in unusual if text not in refused), refused, tuple(words)

    return seen.of(names, read, "checks")
