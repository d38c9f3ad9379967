"""Look at the streams before anything is trained on them, and quarantine each day that looks wrong.

Looked at are the run's own day, its late window (it was just extracted again), the days since the newest stored matrix
where the pipeline stood still for longer, and every date that was refused before: a refused day cannot slip into the
matrix a day later, nor when it has left the late window. What lies further back is history: an odd day of years ago
is not quarantined by the first run on an old service.

A quarantined day ends its own run. Later runs go on without its plays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import NotStored
from recsys_tasks.core.typed_text import reason_of
from recsys_tasks.partitions.checked import Word
from recsys_tasks.partitions.data_quality import HISTORY_DAYS, OK, STOP, DataCheck, checks_on
from recsys_tasks.partitions.quarantine import QuarantinedDay
from recsys_tasks.partitions.repository import StoredPartition
from recsys_tasks.steps.matrix import stale_from
from recsys_tasks.steps.results import Checked
from recsys_tasks.steps.shapes import checks_of_shape
from recsys_tasks.steps.workplace import Signature, Workplace

LONGEST_OUTAGE_DAYS = 31
"""Days since the newest stored matrix that are looked at too: the pipeline stood still, and now catches up."""


def check_data(at: Workplace, day: Day, signature: Signature, accept: str = "") -> Checked:
    """Check what a run for ``day`` would fold, and quarantine what a check stops.

    Args:
        at: store and configuration (the policy).
        day: business day of the run.
        signature: who runs it, and when.
        accept: a person's reason to train on the streams of this very day although a check says stop; empty: nobody
            accepts. Another date is accepted by a run for that date: nobody accepts what he has not been shown.

    Raises:
        ConfigError: the reason is no text that may be kept.
        DataRefused: the day is quarantined.
        NotStored: a date has not been extracted.
        CorruptArtefact: a manifest is damaged.
    """
    why = reason_of(accept) if accept.strip() else ""
    partitions = {date: _newest(at, date) for date in _dates(at, day)}
    folded = {date: at.quarantine.folded_digest(date) for date in partitions}
    checks = {date: _looked_at(at, stored) for date, stored in partitions.items()}
    ok = sum(check.outcome == OK for check in checks[day])
    at.progress(f"the streams of {day} pass {ok} of {len(checks[day])} checks")
    for date, check in ((date, check) for date, found in checks.items() for check in found if check.outcome != OK):
        at.progress(f"{date}: {check.outcome}: {check}")
    if why:
        _accept(at, partitions[day], Word(signature.by, why, signature.at, signature.run_id))
    quarantined = {date: found for date in partitions if (found := at.quarantine.find(date))}
    stale = _stale(at, day, (date for date in partitions if at.quarantine.folded_digest(date) != folded[date]))
    if day in quarantined:
        raise quarantined[day].refusal()
    for each in quarantined.values():
        at.progress(f"{each}. To accept it, run {each.day} itself with a reason (accept_data)")
    accepted = [word for date, stored in partitions.items() for word in at.checked.accepted(date, stored.digest)]
    for word in accepted:
        at.progress(f"{word.day}: {', '.join(word.checks)} accepted by {word.by}: {word.why}")
    warnings = [*map(str, quarantined.values()), *_beyond(checks, quarantined)]
    return Checked(day, tuple(partitions), tuple(warnings), tuple(accepted), tuple(quarantined), stale)


def data_checks(at: Workplace, day: Day) -> list[DataCheck]:
    """All checks of one date, from the manifests of the partitions and the policy alone.

    Raises:
        NotStored: it has not been extracted.
    """
    start = at.config.source.history_start
    before = [day - timedelta(days=offset) for offset in range(1, HISTORY_DAYS + 1)]
    earlier = [at.partitions.newest(date) for date in before if date >= start]
    stored = _newest(at, day)
    usual = [each for each in earlier if each and not at.checked.is_quarantined(each.day, each.digest)]
    figures = [each.figures.to_json() for each in usual]
    checks = checks_on(stored.figures.to_json(), figures, at.config.quality)
    return checks + checks_of_shape(at, stored)


def _newest(at: Workplace, day: Day) -> StoredPartition:
    stored = at.partitions.newest(day)
    if stored is None:
        raise NotStored(f"No partition of {day}. Run extract_streams for it.")
    return stored


def _dates(at: Workplace, day: Day) -> list[Day]:
    """The late window or what was missed in an outage, the day itself, and dates before it that were refused once."""
    missed = min(((day - date).days - 1 for date in at.matrices.days() if date < day), default=0)
    window = max(at.config.source.late_window_days, min(missed, LONGEST_OUTAGE_DAYS))
    late = {day - timedelta(days=offset) for offset in range(window + 1)}
    wanted = late | set(at.checked.refused_days())
    return sorted(date for date in wanted if at.config.source.history_start <= date <= day)


def _looked_at(at: Workplace, stored: StoredPartition) -> list[DataCheck]:
    """All checks of a date. Kept: first that it was refused, then what was found; a writer may die in between."""
    checks = data_checks(at, stored.day)
    accepted = {name for each in at.checked.accepted(stored.day, stored.digest) for name in each.checks}
    if stop := [check for check in checks if check.outcome == STOP and check.name not in accepted]:
        at.checked.save_refused(stored.day, stored.digest, stop)
    at.checked.save_found(stored.day, stored.digest, checks)
    return checks


def _accept(at: Workplace, stored: StoredPartition, word: Word) -> None:
    """Keep a person's word for everything that stops a version of a date now."""
    if stops := at.checked.stops(stored.day, stored.digest):
        at.checked.save_accepted(stored.day, stored.digest, stops, word)


def _beyond(checks: Mapping[Day, Sequence[DataCheck]], quarantined: Mapping[Day, QuarantinedDay]) -> Iterator[str]:
    """Every check beyond a bound, but for those that a quarantined date is told with."""
    for date, found in checks.items():
        told = quarantined[date].stops if date in quarantined else ()
        yield from (f"{date}: {check}" for check in found if check.outcome != OK and check not in told)


def _stale(at: Workplace, day: Day, moved: Iterable[Day]) -> tuple[Day, ...]:
    """Other dates whose stored matrices are stale since some dates went into or out of the quarantine."""
    first = min(moved, default=None)
    stale = tuple(date for date in stale_from(at, first) if date != day) if first else ()
    if stale:
        listed = ", ".join(date.isoformat() for date in stale)
        at.progress(f"stale matrices: {listed}; the next run folds them again by itself, rebuild_through at once")
    return stale
