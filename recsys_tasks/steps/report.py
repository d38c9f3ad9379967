"""Write the page that tells a person what came of a judgement."""

from dataclasses import asdict

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.release.judgements import Judgement
from recsys_tasks.release.series import judgement_row, series
from recsys_tasks.reporting.report import Material, render
from recsys_tasks.steps.results import Reported
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.run_records import first_runs


def write_report(at: Workplace, day: Day, name: str) -> Reported:
    """Write the report of a judgement beside it, in place of an earlier one: what came of it may be known only now.

    Args:
        at: store and configuration (the policy of slow drift).
        day: of the candidate.
        name: of the judgement, ``<candidate>-<incumbent>``.

    Raises:
        NotStored: it was not evaluated, or not judged.
        CorruptArtefact: a file differs from its checksum.
    """
    judgement = Judgement(day, name)
    place = at.judgements.save_report(judgement, render(gather(at, judgement)).encode())
    at.progress(f"the report of {day} is {at.store.where(place)}")
    return Reported(day, name, place)


def rewrite_reports(at: Workplace, prefix: str) -> None:
    """Write the reports of a candidate again after a person's word: it belongs into them, but a page stops no act.

    Args:
        at: store and configuration.
        prefix: how the candidate's digest begins.
    """
    candidate, key = at.bundles.find(prefix)
    for judgement in at.judgements.of(key.day, candidate):
        try:
            write_report(at, judgement.day, judgement.name)
        except (RecsysError, OSError) as error:
            at.progress(f"the report of {judgement.day} is still the old one: {error}")


def gather(at: Workplace, judgement: Judgement) -> Material:
    """What is stored of a judgement and of the days before it."""
    judged, verdict = at.judgements.load(judgement), at.judgements.verdict(judgement)
    log, day = at.releases.log(), judgement.day
    earlier = [row for row in series(at.store, day) if row["day"] != day.isoformat()]
    first = first_runs(at.runs.of_step("evaluate"), "judgement").get(judgement.name)
    return Material(
        judgement=judgement.name,
        key=judged.key,
        figures=judged.figures,
        verdict=verdict,
        gate=at.judgements.policy(judgement),
        drift=at.config.drift,
        rows=[*earlier, judgement_row(log, at.judgements, judgement)],
        samples=judged.samples.to_pylist(),
        log=log,
        accepted=[asdict(each) for each in at.checked.accepted(day, at.partitions.digest(day))],
        run=str(first["run_id"]) if first else "",
        days=at.days,
    )
