"""What each step returns: a small record of dates, digests and a few figures, never data.

Its stored form (``to_json``) is what goes through XCom and into the records of runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recsys_tasks.core.domain import Day, Figures
from recsys_tasks.core.records import Json, as_json
from recsys_tasks.gate.drift import Alarm
from recsys_tasks.matrix.play_matrix import MatrixFigures
from recsys_tasks.partitions.checked import Acceptance
from recsys_tasks.partitions.figures import PartitionFigures


@dataclass(frozen=True)
class Result:
    """The base of what a step returns."""

    def to_json(self) -> Json:
        """The stored form."""
        return as_json(self)


@dataclass(frozen=True)
class Extracted(Result):
    """The partitions that a run needs are stored."""

    day: Day
    partition: str  # digest
    figures: PartitionFigures
    first_extracted: int  # dates that had no partition
    restated: tuple[Day, ...]  # dates whose streams had changed
    unchanged: int  # dates that were looked at again
    stale: tuple[Day, ...]  # other dates whose stored matrices are folded from other partitions
    summary: str  # what was done, in a sentence
    unusable_instants: int  # rows of the source that lie in no day
    catalogue: str | None = None  # digest of the day's snapshot
    tables: tuple[str, ...] = ()  # of the source that were read, as schema.name

    def to_json(self) -> Json:
        """The stored form; the figures as the partition keeps them."""
        return as_json(self) | {"figures": self.figures.to_json()}


@dataclass(frozen=True)
class Checked(Result):
    """The streams were looked at, and nothing stops the run's own day."""

    day: Day
    dates: tuple[Day, ...]  # that were looked at
    warnings: tuple[str, ...]  # every check beyond a bound, and every other date that is quarantined
    accepted: tuple[Acceptance, ...]  # persons' words that let such dates pass
    quarantined: tuple[Day, ...]  # other dates that count as empty
    stale: tuple[Day, ...]  # other dates whose matrices this look at the streams made stale


@dataclass(frozen=True)
class Folded(Result):
    """The matrix of the day and its split are stored."""

    day: Day
    matrix: str  # digest
    figures: MatrixFigures
    rebuilt: tuple[Day, ...]  # later dates whose matrices were folded again
    split: str  # digest


@dataclass(frozen=True)
class Trained(Result):
    """The model of the day is stored."""

    day: Day
    model: str  # digest
    iterations: int
    warm: bool


@dataclass(frozen=True)
class Built(Result):
    """The gated part and the names of the candidate are stored."""

    day: Day
    candidate: str  # digest
    effort: Mapping[str, int]  # search parameters


@dataclass(frozen=True)
class Evaluated(Result):
    """The figures of the candidate are stored."""

    day: Day
    candidate: str
    judgement: str  # its name
    precision: Mapping[str, float | None]  # of candidate, incumbent and popular tracks


@dataclass(frozen=True)
class Judged(Result):
    """The verdict is stored."""

    day: Day
    candidate: str
    judgement: str
    outcome: str  # PASS, HOLD or BLOCK
    reasons: tuple[str, ...]
    exact: bool  # an exact check failed
    figures: Figures  # that decided
    alarms: tuple[Alarm, ...]  # of slow decline, that hold on this day


@dataclass(frozen=True)
class JudgedAnew(Result):
    """Another verdict is stored beside the earlier one."""

    day: Day
    candidate: str
    judgement: str
    before: str  # outcome of the earlier verdict
    outcome: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class LiveRelease:
    """What is live after a publish."""

    release: int
    day: Day
    candidate: str


@dataclass(frozen=True)
class Published(Result):
    """What came of publishing."""

    published: bool  # by this call
    reason: str  # why, or why not
    live: LiveRelease | None = None
    precision: float | None = None  # of what is live


@dataclass(frozen=True)
class Reported(Result):
    """The page about a judgement is written."""

    day: Day
    judgement: str
    report: str  # name in the store


@dataclass(frozen=True)
class Made(Result):
    """The products of what is live are stored."""

    made: bool  # for the first time
    reason: str  # in words
    delivery: str = ""  # its name; empty where nothing is delivered
    release: int = 0
    day: Day | None = None
    figures: Figures = field(default_factory=dict)  # by product


@dataclass(frozen=True)
class Delivered(Result):
    """What came of a delivery."""

    delivered: bool  # something is anywhere that was not there before
    reason: str  # in words
    made: Made
    place: str = ""  # of the sink; empty where there is none


@dataclass(frozen=True)
class Removed:
    """An artefact that was removed, or would be."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Erased(Result):
    """What became of people who shall be forgotten, without a name."""

    removed: int = 0  # people of whom a search of everything found nothing any more
    confirmed: int = 0  # people of whom a later search found nothing either
    evidence: int = 0  # number of its record; 0: nobody was to be removed
    left: tuple[str, ...] = ()  # where something was found


@dataclass(frozen=True)
class Retained(Result):
    """What nobody can need any more is gone."""

    removed: int
    bytes: int
    items: tuple[Removed, ...]
    dry_run: bool  # nothing was removed
    erased: Erased = Erased()


@dataclass(frozen=True)
class Seen(Result):
    """How what is live looks."""

    live: str = ""  # what is live, in words; empty when nothing was ever published
    stale: bool | None = None  # None when the log does not say what is live
    damage: str = ""  # what is damaged, in words
    bound_hours: int = 0
    late_erasures: str = ""  # which erasures are near their deadline and not done, in words


@dataclass(frozen=True)
class DayRun(Result):
    """What came of all steps of a day."""

    day: Day
    extracted: Extracted
    rebuilt: tuple[Day, ...]
    candidate: str
    verdict: Judged
    published: Published
    live: int | None  # number of the live release

    def to_json(self) -> Json:
        """The stored form."""
        return as_json(self) | {"extracted": self.extracted.to_json()}
