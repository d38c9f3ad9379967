"""The judged dates as a series: what every plot, table and drift alarm is made from. Only manifests are read."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from recsys_tasks.artefacts import read_manifest
from recsys_tasks.domain import Day
from recsys_tasks.release_log import ReleaseLog
from recsys_tasks.releases import read_log
from recsys_tasks.store import Store

Row = dict[str, Any]
FIGURES, VERDICT = "figures", "verdict"
NOT_JUDGED = "not judged"


def series(store: Store, until: Day | None = None) -> list[Row]:
    """One row a judged date, oldest first: the judgement of what was published, else the newest.

    Args:
        store: where the judgements lie.
        until: last date; None for all.

    Raises:
        CorruptArtefact: the release log or a manifest is damaged.
    """
    log = read_log(store)
    last = until.isoformat() if until else "9999-12-31"
    paths = [path for path in store.evaluations_of() if path.parent.name <= last]
    by_date = groupby(paths, key=lambda path: path.parent.name)
    return [_chosen(judgement_row(log, path) for path in of_date) for _, of_date in by_date]


def judgement_row(log: ReleaseLog, path: Path) -> Row:
    """One judgement: the figures, the verdict, and what came of it.

    Args:
        log: the release log.
        path: directory of the judgement.
    """
    manifest = read_manifest(path / FIGURES)
    key, figures = manifest["key"], manifest["figures"]
    verdict = read_manifest(path / VERDICT)["figures"] if (path / VERDICT).is_dir() else {}
    decided: Mapping[str, Any] = verdict.get("figures", {})
    published = log.published(key["candidate"])
    overridden = published is not None and published.verdict != "PASS"
    return {
        "day": key["day"],
        "candidate": key["candidate"],
        "judgement": path.name,
        "listeners": figures["users"],
        "precision": _mean(figures, "candidate_precision"),
        "precision_error": decided.get("precision_error"),
        "popularity": _mean(figures, "popularity_precision"),
        "popularity_error": decided.get("popularity_error"),
        "incumbent": _mean(figures, "incumbent_precision"),
        "incumbent_release": key["incumbent_release"],
        "honest": decided.get("honest"),
        "pair": decided.get("pair"),
        "reference": decided.get("reference"),
        **{name: figures["recall"][name] for name in ("user_recall", "similar_recall")},
        **figures["training"],
        "new_tracks": figures["new_tracks"],
        "new_listeners": figures["new_listeners"],
        "outcome": verdict.get("outcome", NOT_JUDGED),
        "reasons": verdict.get("reasons", []),
        "release": published.number if published else None,
        "signed_by": published.by if published and overridden else None,
        "signed_why": published.why if published and overridden else None,
    }


def _chosen(rows: Iterable[Row]) -> Row:
    """The row of what was published; else, of the judgements of a date, the one against the newest release."""
    return max(rows, key=lambda row: (row["release"] is not None, row["incumbent_release"] or 0, row["judgement"]))


def _mean(figures: Mapping[str, Any], name: str) -> float | None:
    return figures[name]["mean"] if name in figures else None
