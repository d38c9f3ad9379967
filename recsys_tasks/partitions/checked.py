"""What the checks of a date's streams found, what was refused for it, and who let it pass.

    data_checks/<date>/found-<digest>/     every check of a version
    data_checks/<date>/refused-<digest>/   the checks that stopped a version, or that its precision collapsed
    data_checks/<date>/accepted-<digest>/  the checks that a person let pass, with who and why

A person's word holds for the checks that it names on this very version; a restated date is asked about again.

A version is quarantined while anything stops it that nobody has accepted. Of the data checks, those count that were
found last, so that wider bounds lift a quarantine; a collapse of precision counts until it is accepted.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.domain import Day
from recsys_tasks.core.records import Json, as_json, from_json
from recsys_tasks.partitions.data_quality import STOP, DataCheck
from recsys_tasks.storage.manifest import MANIFEST, Manifest
from recsys_tasks.storage.store import ArtefactStore, day_in

FOLDER, FOUND, REFUSED, ACCEPTED = "data_checks", "found", "refused", "accepted"
COLLAPSE = "collapse of precision"
"""Name of the check that is made when a day is judged: a person accepts it by this name."""


@dataclass(frozen=True)
class Word:
    """A person's word that streams are right although a check says stop."""

    by: str
    why: str
    at: str  # instant, ISO-8601 UTC
    run_id: str = ""


@dataclass(frozen=True)
class Acceptance:
    """Which checks of a version of a date a person let pass."""

    day: Day
    partition: str  # digest of the version
    checks: tuple[str, ...]  # their names
    found: tuple[str, ...]  # what they found, in words
    by: str
    why: str
    at: str
    run_id: str = ""


class CheckedDays:
    """The results of data checks in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def save_found(self, day: Day, partition: str, checks: Sequence[DataCheck]) -> None:
        """Keep all checks of a version of a date, in place of what was found in it before."""
        name, key = found_name(day, partition), {"day": day.isoformat(), "partition": partition}
        figures = {"checks": [asdict(check) for check in checks]}
        self._store.replace(f"{name}/{MANIFEST}", Manifest(digest_of(FOUND, key), key, figures, place=name).sealed())

    def found(self, day: Day, partition: str) -> list[DataCheck] | None:
        """All checks of a version of a date; None where nobody kept any.

        Raises:
            CorruptArtefact: what was kept is damaged.
        """
        name = found_name(day, partition)
        if not self._store.holds(f"{name}/{MANIFEST}"):
            return None
        return [from_json(DataCheck, check) for check in self._store.manifest(name).figures["checks"]]

    def save_refused(self, day: Day, partition: str, stop: Sequence[DataCheck]) -> None:
        """Keep that these checks stopped a version of a date; the first one kept of its like stays."""
        self._save(REFUSED, day, partition, stop, {})

    def save_collapse(self, day: Day, partition: str, found: str) -> None:
        """Keep that precision collapsed on a version of a date when it was judged; the first finding stays.

        Args:
            day: the date that was judged.
            partition: digest of its version.
            found: whose precision collapsed, and compared with which days, in words.
        """
        self._save(REFUSED, day, partition, [_collapse(found)], {COLLAPSE: found})

    def stops(self, day: Day, partition: str) -> tuple[DataCheck, ...]:
        """What stops a version of a date now, without what a person has accepted; nothing stops one never checked.

        Raises:
            CorruptArtefact: what was kept is damaged.
        """
        if not self._was_refused(day):  # nearly every date: no more than names is read of it
            return ()
        accepted = {name for each in self.accepted(day, partition) for name in each.checks}
        found = [check for check in self.found(day, partition) or () if check.outcome == STOP]
        return tuple(check for check in (*found, *self._collapses(day, partition)) if check.name not in accepted)

    def is_quarantined(self, day: Day, partition: str) -> bool:
        """Whether a version of a date counts as an empty partition until it is mended or accepted."""
        return bool(self.stops(day, partition))

    def save_accepted(self, day: Day, partition: str, stop: Sequence[DataCheck], word: Word) -> None:
        """Keep that a person let these checks pass; the first word of its like stays."""
        self._save(ACCEPTED, day, partition, stop, as_json(word))

    def accepted(self, day: Day, partition: str | None) -> list[Acceptance]:
        """Who let this version of a date pass which checks, why and when."""
        folder = f"{FOLDER}/{day.isoformat()}"
        names = [name for name in self._store.names(folder) if name.startswith(f"{ACCEPTED}-")]
        kept = [self._store.manifest(f"{folder}/{name}") for name in names]
        return [from_json(Acceptance, each.key | each.figures) for each in kept if each.key["partition"] == partition]

    def carry_over(self, day: Day, before: str, after: str) -> None:
        """Let what was found in a version, refused and accepted hold for another one that was made from it.

        Args:
            day: their date.
            before, after: digests of the two versions.
        """
        folder = f"{FOLDER}/{day.isoformat()}"
        names = [name for name in self._store.names(folder) if name.split("-")[0] in (REFUSED, ACCEPTED)]
        for kind, manifest in ((name.split("-")[0], self._store.manifest(f"{folder}/{name}")) for name in names):
            if manifest.key["partition"] == before:
                key = {**manifest.key, "partition": after}
                digest = digest_of(kind, key)
                self._store.put(_kept_name(kind, day, digest), digest, key, {}, manifest.figures)
        if checks := self.found(day, before):
            self.save_found(day, after, checks)

    def refusals(self, day: Day) -> list[str]:
        """What was found whenever a version of a date was stopped, whatever became of it since.

        Raises:
            CorruptArtefact: what was kept is damaged.
        """
        folder = f"{FOLDER}/{day.isoformat()}"
        names = [name for name in self._store.names(folder) if name.startswith(f"{REFUSED}-")]
        return [found for name in names for found in self._store.manifest(f"{folder}/{name}").figures["found"]]

    def refused_days(self) -> list[Day]:
        """Dates of which a version was ever refused, rising."""
        days = [day for name in self._store.names(FOLDER) if (day := day_in(name))]
        return [day for day in days if self._was_refused(day)]

    def _was_refused(self, day: Day) -> bool:
        return any(name.startswith(f"{REFUSED}-") for name in self._store.names(f"{FOLDER}/{day.isoformat()}"))

    def _collapses(self, day: Day, partition: str) -> list[DataCheck]:
        """The collapse that was kept of a version, if there was one."""
        name = _kept_name(REFUSED, day, digest_of(REFUSED, _key(day, partition, [COLLAPSE])))
        held = self._store.holds(f"{name}/{MANIFEST}")
        return [_collapse(self._store.manifest(name).figures[COLLAPSE])] if held else []

    def _save(self, kind: str, day: Day, partition: str, stop: Sequence[DataCheck], more: Json) -> None:
        key = _key(day, partition, [check.name for check in stop])
        digest, figures = digest_of(kind, key), {"found": [str(check) for check in stop], **more}
        self._store.put(_kept_name(kind, day, digest), digest, key, {}, figures)


def _collapse(found: str) -> DataCheck:
    return DataCheck(COLLAPSE, STOP, found, "a precision like that of the days before")


def _key(day: Day, partition: str, checks: Sequence[str]) -> Json:
    return {"day": day.isoformat(), "partition": partition, "checks": list(checks)}


def _kept_name(kind: str, day: Day, digest: str) -> str:
    return f"{FOLDER}/{day.isoformat()}/{kind}-{digest[:SHORT]}"


def found_name(day: Day, partition: str) -> str:
    """Where the checks of a version of a date lie."""
    return f"{FOLDER}/{day.isoformat()}/{FOUND}-{partition[:SHORT]}"
