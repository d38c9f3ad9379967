"""Write the page that tells a person what came of a judgement."""

from recsys_tasks.core.domain import Day
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.release.releases import read_log
from recsys_tasks.release.series import FIGURES, VERDICT, judgement_row, series
from recsys_tasks.reporting.report import Material, render
from recsys_tasks.steps.quality import acceptances
from recsys_tasks.steps.verdict import stored_verdict
from recsys_tasks.steps.workplace import Reference, Workplace
from recsys_tasks.storage.artefacts import open_artefact, read_manifest
from recsys_tasks.storage.files import replace_file
from recsys_tasks.storage.store import Store


def write_report(at: Workplace, day: Day, judgement: str) -> Reference:
    """Write the report of a judgement beside it, in place of an earlier one: what came of it may be known only now.

    Args:
        at: store and configuration (the policy of slow drift).
        day: of the candidate.
        judgement: name of the judgement, ``<candidate>-<incumbent>``.

    Returns:
        The day, the judgement, and the page's path under the store's root.

    Raises:
        NotStored: it was not evaluated, or not judged.
        CorruptArtefact: a file differs from its checksum.
    """
    path = at.store.report_path(day, judgement)
    page = render(gather(at, day, judgement)).encode()
    replace_file(at.store.root, path, page)
    at.progress(f"the report of {day} is {path}")
    return {"day": day.isoformat(), "judgement": judgement, "report": str(path.relative_to(at.store.root))}


def gather(at: Workplace, day: Day, judgement: str) -> Material:
    """What is stored of a judgement and of the days before it."""
    path = at.store.judgement_path(day, judgement)
    figures, verdict = open_artefact(path / FIGURES), stored_verdict(path)
    log = read_log(at.store)
    earlier = [row for row in series(at.store, day) if row["day"] != day.isoformat()]
    return Material(
        judgement=judgement,
        key=figures.manifest["key"],
        figures=figures.figures,
        verdict=verdict,
        gate=GateConfig(**read_manifest(path / VERDICT)["key"]["policy"]),
        drift=at.config.drift,
        rows=[*earlier, judgement_row(log, path)],
        samples=figures.table("samples").to_pylist(),
        log=log,
        accepted=acceptances(at.store, day),
        run=_first_run(at.store, judgement),
    )


def _first_run(store: Store, judgement: str) -> str:
    """The run that evaluated first; empty where no record tells."""
    results = ((record["run_id"], record.get("result")) for record in store.runs_of("evaluate"))
    return next((str(run) for run, result in results if result and result.get("judgement") == judgement), "")
