"""Look at the streams before anything is trained on them, and stop where they look wrong.

Looked at are the run's own day, its late window (it was just extracted again), the days since the newest stored matrix
where the pipeline stood still for longer, and every date that was refused before: a refused day cannot slip into the
matrix a day later, nor when it has left the late window. What lies further back is history: an odd day of years ago
does not stop the first run on an old service.

Kept are ``data_checks/<date>/refused-<digest>`` and, where a person let the streams pass,
``data_checks/<date>/accepted-<digest>`` with who and why. Such a word holds for the checks that it names on this very
partition; a restated day is asked about again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import DataRefused, NotStored
from recsys_tasks.partitions.data_quality import HISTORY_DAYS, OK, STOP, DataCheck, checks_on
from recsys_tasks.steps.workplace import Reference, Signature, Workplace
from recsys_tasks.storage.artefacts import read_manifest, save_artefact
from recsys_tasks.storage.store import SHORT, Store

ACCEPTED, REFUSED = "accepted", "refused"
LONGEST_OUTAGE_DAYS = 31
"""Days since the newest stored matrix that are looked at too: the pipeline stood still, and now catches up."""


def check_data(at: Workplace, day: Day, signature: Signature, accept: str = "") -> Reference:
    """Check what a run for ``day`` would fold.

    Args:
        at: store and configuration (the policy).
        day: UTC date of the run.
        signature: who runs it, and when.
        accept: a person's reason to train on the streams although a check says stop; empty: nobody accepts.

    Returns:
        The dates looked at, every check beyond a bound, and the persons' words that let such dates pass.

    Raises:
        DataRefused: a check says stop and nobody has accepted it.
        NotStored: a date has not been extracted.
        CorruptArtefact: a manifest is damaged.
    """
    dates = _dates(at, day)
    checks = {date: _checks(at, date) for date in dates}
    for date in dates:
        for check in checks[date]:
            if date == day or check.outcome != OK:
                at.progress(f"{date}: {check.outcome}: {check}")
    stops = {date: stop for date in dates if (stop := _not_accepted(at.store, date, checks[date]))}
    why = accept.strip()
    word = {"by": signature.by, "why": why, "at": signature.at, "run_id": signature.run_id} if why else {}
    for date, stop in stops.items():
        _keep(at.store, date, ACCEPTED if why else REFUSED, stop, word)
    if stops and not why:
        raise _refusal(stops)
    accepted = [each for date in dates for each in acceptances(at.store, date)]
    for each in accepted:
        at.progress(f"{each['day']}: {', '.join(each['checks'])} accepted by {each['by']}: {each['why']}")
    beyond = [f"{date}: {check}" for date in dates for check in checks[date] if check.outcome != OK]
    return {
        "day": day.isoformat(),
        "dates": [date.isoformat() for date in dates],
        "warnings": beyond,
        "accepted": accepted,
    }


def data_checks(at: Workplace, day: Day) -> list[dict[str, str]]:
    """The checks of one date as JSON values, from the manifests of the partitions and the policy alone."""
    return [asdict(check) for check in _checks(at, day)]


def acceptances(store: Store, day: Day) -> list[dict[str, Any]]:
    """Who let the stored partition of a date pass which checks, why and when."""
    partition = store.partition_digest(day)
    kept = [read_manifest(path) for path in sorted(_folder(store, day).glob(f"{ACCEPTED}-*"))]
    return [each["key"] | each["figures"] for each in kept if each["key"]["partition"] == partition]


def _dates(at: Workplace, day: Day) -> list[Day]:
    """The late window or what was missed in an outage, the day itself, and dates before it that were refused once."""
    start = at.config.source.history_start
    folded = [parse_day(path.name[:10]) for path in at.store.root.glob("matrices/[0-9]*")]
    missed = min(((day - date).days - 1 for date in folded if date < day), default=0)
    window = max(at.config.source.late_window_days, min(missed, LONGEST_OUTAGE_DAYS))
    refused = {parse_day(path.parent.name) for path in at.store.root.glob(f"data_checks/*/{REFUSED}-*")}
    late = {day - timedelta(days=offset) for offset in range(window + 1)}
    return sorted(date for date in late | refused if start <= date <= day)


def _checks(at: Workplace, day: Day) -> list[DataCheck]:
    """All checks of one date.

    Raises:
        NotStored: it has not been extracted.
    """
    start = at.config.source.history_start
    before = [day - timedelta(days=offset) for offset in range(1, HISTORY_DAYS + 1)]
    earlier = [at.store.partition_manifest(date) for date in before if date >= start]
    manifest = at.store.partition_manifest(day)
    if manifest is None:
        raise NotStored(f"No partition of {day}. Run extract_streams for it.")
    return checks_on(manifest["figures"], [each["figures"] for each in earlier if each], at.config.quality)


def _not_accepted(store: Store, day: Day, checks: Sequence[DataCheck]) -> list[DataCheck]:
    """The checks that say stop, without those that a person let pass."""
    accepted = {name for each in acceptances(store, day) for name in each["checks"]}
    return [check for check in checks if check.outcome == STOP and check.name not in accepted]


def _keep(store: Store, day: Day, kind: str, stop: Sequence[DataCheck], word: Mapping[str, str]) -> None:
    """Keep that these checks were refused, or accepted with a person's word; the first one kept of its like stays."""
    names = [check.name for check in stop]
    key = {"day": day.isoformat(), "partition": store.partition_digest(day), "checks": names}
    digest, figures = digest_of(kind, key), {"found": [str(check) for check in stop], **word}
    save_artefact(store.root, _folder(store, day) / f"{kind}-{digest[:SHORT]}", digest, key, {}, figures)


def _folder(store: Store, day: Day) -> Path:
    return store.root / "data_checks" / day.isoformat()


def _refusal(stops: Mapping[Day, Sequence[DataCheck]]) -> DataRefused:
    said = "; ".join(f"{date}: {check}" for date, stop in stops.items() for check in stop)
    return DataRefused(
        f"Nothing is trained on these streams: {said}. Mend the source and rerun, change the bounds in [quality], or "
        "accept them with a reason (param accept_data, option --accept-data)."
    )
