"""The pure rules of the release log: what is live, what may be published, what a rollback is.

The log is append-only; entry n is complete or absent. The newest entry says what is live: the bundle that it names.
Its ``release`` is the number of the entry that first published that bundle, so a rollback to release 40 is a new entry
that names release 40. Rules, in the order in which they are asked when a candidate has passed the gate:

1. the same candidate is published already: nothing to do, and no second release;
2. a pin holds: scheduled runs do not move past it until it is lifted;
3. the candidate's data are older than the live release's: it is kept, but does not go live. A person may say by name,
   and with a reason, that it shall: it then becomes live and is pinned, as after a rollback, or the next scheduled run
   would undo it without a word;
4. otherwise it becomes live.

An erasure rewrites the parts of released bundles that hold listeners. Its entry names the new ones of every such
bundle, is otherwise a copy of what is live, and holds for whatever names these bundles before or after it.

A release that was live when a rollback, or older data, took its place was taken back: nothing is compared with it.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

from recsys_tasks.core.digests import FORMAT, canonical_json
from recsys_tasks.core.domain import Day, Figures, parse_day
from recsys_tasks.core.errors import ConfigError, CorruptArtefact, NoRelease, PublishConflict, UnknownId

SEAL = re.compile(rb'"sha256":"([0-9a-f]{64})",')
"""An entry's checksum of itself, as it stands in its bytes; inside a text each of these quotes has a backslash."""
PUBLISH, PUBLISH_OLDER, ROLLBACK, PIN, UNPIN = "publish", "publish_older", "rollback", "pin", "unpin"
ERASE = "erase"
Parts: TypeAlias = dict[str, str]
"""Part of a bundle -> SHA-256 of its manifest: gated, names, users-<digest>."""


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    number: int
    kind: str  # publish, publish_older, rollback, pin, unpin or erase
    release: int  # number of the entry that first published this bundle
    candidate: str  # digest of the gated part
    parts: Parts
    day: Day  # newest date of its data
    pinned: bool
    by: str
    why: str
    at: str  # instant, ISO-8601 UTC
    run_id: str = ""
    verdict: str = "PASS"  # what the gate had said
    figures: Figures = field(default_factory=dict)
    rewritten: dict[str, Parts] = field(default_factory=dict)
    """Of an erasure: candidate -> the parts of its bundle from now on."""

    @property
    def parent(self) -> int:
        """Number of the entry before; 0 for the first."""
        return self.number - 1

    @property
    def is_release(self) -> bool:
        """Whether this entry first published its bundle; every later one of the bundle names its number."""
        return self.release == self.number

    def to_bytes(self) -> bytes:
        """The entry as it is stored, with a checksum over itself."""
        values = asdict(self) | {"day": self.day.isoformat(), "parent": self.parent, "format": FORMAT}
        if not self.rewritten:  # as in every log of before
            del values["rewritten"]
        return canonical_json(values | {"sha256": hashlib.sha256(canonical_json(values)).hexdigest()})


def parse_entry(content: bytes, name: str) -> Entry:
    """An entry from its stored bytes.

    Raises:
        CorruptArtefact: it is not an entry of this format, or its checksum differs.
    """
    try:
        before, sha256, after = SEAL.split(content, maxsplit=1)
        rest = before + after  # the bytes that were sealed: they need not be made again from their values
        if hashlib.sha256(rest).hexdigest() != sha256.decode():
            raise ValueError
        values = json.loads(rest)
        parent, written = values.pop("parent"), values.pop("format")
        entry = Entry(**values | {"day": parse_day(values["day"])})
        if entry.parent != parent or written != FORMAT:
            raise ValueError
        return entry
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, ConfigError):
        raise CorruptArtefact(
            f"{name} is not a sound log entry. Nothing is published and new readers refuse until it is restored from "
            "a backup; open readers keep what they have."
        ) from None


@dataclass(frozen=True)
class Decision:
    """What publishing a candidate comes to."""

    publish: bool
    reason: str  # in plain words
    kind: str = PUBLISH  # of the entry to be made


@dataclass(frozen=True)
class ReleaseLog:
    """All entries, in order, without a hole."""

    entries: tuple[Entry, ...] = ()

    @property
    def live(self) -> Entry | None:
        """The newest entry; None before the first release."""
        return self.entries[-1] if self.entries else None

    def require_live(self) -> Entry:
        """The newest entry.

        Raises:
            NoRelease: nothing has been published.
        """
        if self.live is None:
            raise NoRelease(
                "Nothing has been published yet. Run a day (recsys run --date YYYY-MM-DD); where one was run, recsys "
                "status says why its candidate was held, and what to do."
            )
        return self.live

    def require_seen(self, seen: int | None) -> None:
        """Check that nothing has changed since a person looked; a number taken after this one is refused by the store.

        Args:
            seen: number of the newest entry that the person saw, 0 for an empty log; None: of those who did not look.

        Raises:
            PublishConflict: somebody else was faster.
        """
        if seen in (None, len(self.entries)):
            return
        newest = f": {self.live.kind} by {self.live.by} ({self.live.why})" if self.live else ""
        raise PublishConflict(
            f"What is live has changed since you looked{newest}. Look again, then act if you still want to."
        )

    @cached_property
    def releases(self) -> tuple[Entry, ...]:
        """The entries that first published a bundle, in order, with the parts that it has now."""
        return tuple(replace(each, parts=self._parts.get(each.candidate, each.parts)) for each in self._published)

    @cached_property
    def _published(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.is_release)

    @cached_property
    def _parts(self) -> dict[str, Parts]:
        """Candidate -> its parts since the newest erasure that rewrote them."""
        return {candidate: parts for each in self.entries for candidate, parts in each.rewritten.items()}

    def release(self, number: int) -> Entry:
        """The entry that first published release ``number``.

        Raises:
            UnknownId: there is no such release.
        """
        for entry in self.releases:
            if entry.number == number:
                return entry
        raise UnknownId(f"There is no release {number}. `status` lists the releases.")

    def published(self, candidate: str) -> Entry | None:
        """The entry that published a candidate; None when none did."""
        return self._by_candidate.get(candidate)

    @cached_property
    def _by_candidate(self) -> dict[str, Entry]:
        return {entry.candidate: entry for entry in reversed(self.releases)}

    def before(self, day: Day) -> Iterator[Entry]:
        """Releases whose data end before a date, newest first, but for those taken back: none has seen it."""
        left = {live.release for live, e in pairwise(self.entries) if e.kind in (ROLLBACK, PUBLISH_OLDER)}
        return (e for e in reversed(self.releases) if e.day < day and e.release not in left)

    def decide(self, candidate: str, day: Day, older_too: bool = False) -> Decision:
        """Whether a candidate that passed the gate goes live (the rules at the top).

        Args:
            candidate: its digest.
            day: newest date of its data.
            older_too: a person wants it live although newer data are.
        """
        live, earlier = self.live, self.published(candidate)
        if earlier is not None:
            is_live = live is not None and live.release == earlier.number
            advice = "to make it live again, roll back to it" if older_too and not is_live else "nothing to do"
            return Decision(False, f"already published as release {earlier.number}: {advice}")
        if live is not None and live.pinned:
            return Decision(False, f"release {live.release} is pinned by {live.by} ({live.why}): kept, not published")
        if live is not None and day < live.day:
            older = f"its data end {day}, those of live release {live.release} end {live.day}"
            if older_too:
                return Decision(True, f"{older}; a person wants it live, so it is pinned", PUBLISH_OLDER)
            return Decision(False, f"{older}: kept, not published")
        before = f"in place of release {live.release} (data of {live.day})" if live else "the first release"
        return Decision(True, before)

    def roll_back(self, number: int, by: str, why: str, at: str) -> Entry:
        """The entry that makes an earlier release live again, and pins it.

        Raises:
            ConfigError: who or why is missing, or the release is live already.
            UnknownId: there is no such release.
        """
        target, live = self.release(number), self.require_live()
        if target.number == live.release:
            raise ConfigError(f"Release {number} is live already. To hold it, pin it.")
        return self._signed(target, ROLLBACK, True, by, why, at)

    def pin(self, pinned: bool, by: str, why: str, at: str) -> Entry:
        """The entry that pins the live release, or lifts its pin.

        Raises:
            ConfigError: who or why is missing.
            NoRelease: nothing has been published.
        """
        return self._signed(self.require_live(), PIN if pinned else UNPIN, pinned, by, why, at)

    def erase(self, rewritten: dict[str, Parts], people: int, by: str, at: str) -> Entry:
        """The entry after which bundles have other parts than before, and nothing else is different.

        Args:
            rewritten: candidate -> all parts of its bundle.
            people: how many are in none of them any more.
            by, at: who asked for it, and when it was done.

        Raises:
            NoRelease: nothing has been published.
        """
        live = self.require_live()
        releases = f"{len(rewritten):,} release{'' if len(rewritten) == 1 else 's'}"
        what = f"{people:,} {'person' if people == 1 else 'people'} erased from {releases}"
        if live.pinned:  # whoever asks why it is pinned must still be told
            by, what = live.by, f"{live.why} ({what})"
        parts = rewritten.get(live.candidate, live.parts)
        entry = replace(live, number=len(self.entries) + 1, kind=ERASE, parts=parts, rewritten=rewritten)
        return replace(entry, by=by, why=what, at=at, run_id="")

    def _signed(self, target: Entry, kind: str, pinned: bool, by: str, why: str, at: str) -> Entry:
        if not by.strip() or not why.strip():
            raise ConfigError("Say who you are (--by) and why (--why): both stand in the release log.")
        number = len(self.entries) + 1
        return replace(target, number=number, kind=kind, pinned=pinned, by=by, why=why, at=at, run_id="", rewritten={})
