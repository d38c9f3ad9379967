"""The deliveries of a store in one table: what went where and when, and how good the lists were."""

from dataclasses import dataclass, field

from recsys_tasks.core.domain import Day, Figures
from recsys_tasks.core.errors import CorruptArtefact, NotStored
from recsys_tasks.core.formatting import count, percent
from recsys_tasks.repositories.deliveries import STORE, Deliveries, DeliveryKey, Record

LISTS = ("discover", "new_releases")
"""Products that have the figures of lists."""


@dataclass(frozen=True)
class ShownDelivery:
    """A delivery, as pages and the terminal show it."""

    name: str  # in the store
    entry: int  # of the release log
    release: int
    day: Day  # newest date of its data
    made: Record | None  # when it was stored; None where nobody noted it
    sinks: tuple[Record, ...]  # where else it went
    products: Figures = field(default_factory=dict)  # product -> figures
    bytes: int = 0

    @property
    def exploration(self) -> str:
        """What its lists explored, and what became of the places of earlier ones, as sentences; empty: nothing."""
        found = self.products.get("discover", {}).get("exploration")
        return sentences_of(found) if found else ""

    @property
    def lists(self) -> dict[str, Figures]:
        """Of the products that are lists for listeners, their figures."""
        return {name: figures for name, figures in self.products.items() if name in LISTS}


def sentences_of(exploration: Figures) -> str:
    """The figures of exploration in words."""
    said = (
        f"Exploration: {count(exploration['places'])} places hold {count(exploration['distinct_tracks'])} new tracks."
    )
    kinds = [
        f"{count(found['played'])} of {count(found['shown'])} {kind} places ({_played_share(found)})"
        for kind, found in exploration["before"].items()
        if found["shown"]
    ]
    return f"{said} Of what the last deliveries showed, {' and '.join(kinds)} were played since." if kinds else said


def _played_share(found: Figures) -> str:
    return percent(found["played"] / found["shown"], 2)


def shown_deliveries(deliveries: Deliveries) -> list[ShownDelivery]:
    """Every stored delivery, the newest first; what an erasure rewrote bears the records of what it was before."""
    records = deliveries.records()
    return [shown for name in reversed(deliveries.names()) if (shown := _shown(deliveries, name, records))]


def _shown(deliveries: Deliveries, name: str, records: list[Record]) -> ShownDelivery | None:
    try:
        key, manifest = deliveries.key(name), deliveries.manifest(name)
    except (CorruptArtefact, NotStored):  # retention may have removed it just now
        return None
    own = [each for each in records if each.delivery == name] or [each for each in records if _is_of(each, key)]
    made = next((each for each in own if each.kind == STORE), None)
    sinks = tuple(each for each in own if each.kind != STORE)
    size = sum(file.size for file in manifest.files.values())
    return ShownDelivery(name, key.entry, key.release, key.day, made, sinks, manifest.figures["products"], size)


def _is_of(record: Record, key: DeliveryKey) -> bool:
    return record.delivery.partition("-")[0] == key.name.partition("-")[0]
