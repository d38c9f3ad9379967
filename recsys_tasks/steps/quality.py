"""Look at the streams before anything is trained on them, and stop where they look wrong.

Looked at are the run's own day, its late window (it was just extracted again), the days since the newest stored matrix
where the pipeline stood still for longer, and every date that was refused before: a refused day cannot slip into the
matrix a day later, nor when it has left the late window. What lies further back is history: an odd day of years ago
does not stop the first run on an old service.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import DataRefused, NotStored
from recsys_tasks.partitions.checked import Word
from recsys_tasks.partitions.data_quality import HISTORY_DAYS, OK, STOP, DataCheck, checks_on
from recsys_tasks.partitions.repository import StoredPartition
from recsys_tasks.steps.results import Checked
from recsys_tasks.steps.shapes import checks_of_shape
from recsys_tasks.steps.workplace import Signature, Workplace

LONGEST_OUTAGE_DAYS = 31
"""Days since the newest stored matrix that are looked at too: the pipeline stood still, and now catches up."""


def check_data(at: Workplace, day: Day, signature: Signature, accept: str = "") -> Checked:
    """Check what a run for ``day`` would fold.

    Args:
        at: store and configuration (the policy).
        day: UTC date of the run.
        signature: who runs it, and when.
        accept: a person's reason to train on the streams although a check says stop; empty: nobody accepts.

    Raises:
        DataRefused: a check says stop and nobody has accepted it.
        NotStored: a date has not been extracted.
        CorruptArtefact: a manifest is damaged.
    """
    partitions = {date: _newest(at, date) for date in _dates(at, day)}
    checks = {date: data_checks(at, date) for date in partitions}
    for date, found in checks.items():
        at.checked.save_found(date, partitions[date].digest, found)
        for check in found:
            if date == day or check.outcome != OK:
                at.progress(f"{date}: {check.outcome}: {check}")
    stops = {date: stop for date in partitions if (stop := _not_accepted(at, partitions[date], checks[date]))}
    _keep(at, partitions, stops, signature, accept.strip())
    if stops and not accept.strip():
        raise _refusal(stops)
    accepted = [each for date, stored in partitions.items() for each in at.checked.accepted(date, stored.digest)]
    for each in accepted:
        at.progress(f"{each.day}: {', '.join(each.checks)} accepted by {each.by}: {each.why}")
    beyond = [f"{date}: {check}" for date, found in checks.items() for check in found if check.outcome != OK]
    return Checked(day, tuple(partitions), tuple(beyond), tuple(accepted))


def data_checks(at: Workplace, day: Day) -> list[DataCheck]:
    """All checks of one date, from the manifests of the partitions and the policy alone.

    Raises:
        NotStored: it has not been extracted.
    """
    start = at.config.source.history_start
    before = [day - timedelta(days=offset) for offset in range(1, HISTORY_DAYS + 1)]
    earlier = [at.partitions.newest(date) for date in before if date >= start]
    stored = _newest(at, day)
    figures = [each.figures.to_json() for each in earlier if each]
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


def _not_accepted(at: Workplace, stored: StoredPartition, checks: Sequence[DataCheck]) -> list[DataCheck]:
    """The checks that say stop, without those that a person let pass."""
    accepted = {name for each in at.checked.accepted(stored.day, stored.digest) for name in each.checks}
    return [check for check in checks if check.outcome == STOP and check.name not in accepted]


def _keep(
    at: Workplace,
    partitions: Mapping[Day, StoredPartition],
    stops: Mapping[Day, Sequence[DataCheck]],
    signature: Signature,
    why: str,
) -> None:
    """Keep that dates were refused, or accepted with a person's word."""
    for date, stop in stops.items():
        if why:
            word = Word(signature.by, why, signature.at, signature.run_id)
            at.checked.save_accepted(date, partitions[date].digest, stop, word)
        else:
            at.checked.save_refused(date, partitions[date].digest, stop)


def _refusal(stops: Mapping[Day, Sequence[DataCheck]]) -> DataRefused:
    found = "; ".join(f"{date}: {check}" for date, stop in stops.items() for check in stop)
    return DataRefused(
        f"Nothing is trained on these streams: {found}. Mend the source and rerun, change the bounds in [quality], or "
        "accept them with a reason (param accept_data, option --accept-data)."
    )
