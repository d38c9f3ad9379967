"""The judged dates as a series: what every plot, table and drift alarm is made from. Only manifests are read."""

from collections.abc import Iterable, Mapping
from typing import Any

from recsys_tasks.core.domain import Day, Figures, parse_day
from recsys_tasks.gate.measured import levels_in, loss_in
from recsys_tasks.gate.past import PastDay
from recsys_tasks.release.judgements import Judgement, Judgements
from recsys_tasks.release.log import ReleaseLog
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.store import ArtefactStore

Row = dict[str, Any]
NOT_JUDGED = "not judged"


def series(store: ArtefactStore, until: Day | None = None) -> list[Row]:
    """One row a judged date, oldest first: the judgement of what was published, else the newest.

    Args:
        store: where the judgements lie.
        until: last date; None for all.

    Raises:
        CorruptArtefact: the release log or a manifest is damaged.
    """
    log, judgements = Releases(store).log(), Judgements(store)
    wanted = [judgement for judgement in judgements.of() if until is None or judgement.day <= until]
    rows = (judgement_row(log, judgements, judgement) for judgement in wanted)
    return [found[0] for found in by_date(rows).values()]


def by_date(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Date -> its judgements, in the order in which dates come.

    The one that counts stands first: of what was published, else the one against the newest release.
    """
    dates: dict[str, list[Row]] = {}
    for row in rows:
        dates.setdefault(row["day"], []).append(row)
    return {day: sorted(found, key=_rank, reverse=True) for day, found in dates.items()}


def past_days(rows: Iterable[Row], days: int) -> list[PastDay]:
    """What the newest of the judged dates before say of an ordinary day.

    A date that collapsed says nothing, unless a person released it; of one whose candidate was refused, only what was
    made before it counts: it scored as it should, and the candidate did not.

    Args:
        rows: as ``series`` gives them, oldest first.
        days: at the most.
    """
    counted = [row for row in rows if row["rule"] not in ("collapse", "exact") or row["release"] is not None]
    return [_past_day(row) for row in counted[-days:]]


def _past_day(row: Row) -> PastDay:
    day, levels = parse_day(row["day"]), row["levels"]
    if row["outcome"] != "PASS" and row["release"] is None:
        return PastDay(day, {name: value for name, value in levels.items() if not name.startswith("candidate")})
    return PastDay(
        day=day,
        levels=levels,
        against_live=loss_in(row["evidence"]) or loss_in(row["pair"]),
        against_earlier=loss_in(row["earlier"]),
    )


def judgement_row(log: ReleaseLog, judgements: Judgements, judgement: Judgement) -> Row:
    """One judgement: the figures, the verdict, and what came of it by the log."""
    return with_release(log, judged(judgements, judgement))


def judged(judgements: Judgements, judgement: Judgement) -> Row:
    """The figures and the verdict of a judgement, from its two manifests alone: as long as these stay, so does it."""
    key, figures = judgements.key(judgement), judgements.figures(judgement)
    verdict = judgements.verdict_figures(judgement)
    decided: Figures = verdict.get("figures", {})
    return {
        "day": key.day.isoformat(),
        "candidate": key.candidate,
        "judgement": judgement.name,
        "k": key.k,
        "listeners": figures["users"],
        "precision": _mean(figures, "candidate_precision"),
        "precision_error": decided.get("precision_error"),
        "popularity": _mean(figures, "popularity_precision"),
        "popularity_error": decided.get("popularity_error"),
        "incumbent": _mean(figures, "incumbent_precision"),
        "incumbent_release": key.incumbent_release,
        "honest": decided.get("honest"),
        "pair": decided.get("pair"),
        "reference": decided.get("reference"),
        "evidence": decided.get("evidence"),
        "earlier": decided.get("earlier"),
        "levels": levels_in(decided),
        "rule": decided.get("rule"),
        **{name: figures["recall"][name] for name in ("user_recall", "similar_recall")},
        **figures["training"],
        "new_tracks": figures["new_tracks"],
        "new_listeners": figures["new_listeners"],
        "outcome": verdict.get("outcome", NOT_JUDGED),
        "exact": bool(verdict.get("exact")),
        "reasons": verdict.get("reasons", []),
    }


def with_release(log: ReleaseLog, row: Row) -> Row:
    """What ``judged`` gives, with what came of the candidate by the log of now."""
    published = log.published(row["candidate"])
    overridden = published is not None and published.verdict != "PASS"
    return {
        **row,
        "release": published.number if published else None,
        "signed_by": published.by if published and overridden else None,
        "signed_why": published.why if published and overridden else None,
    }


def _rank(row: Row) -> tuple[bool, int, str]:
    return row["release"] is not None, row["incumbent_release"] or 0, row["judgement"]


def _mean(figures: Mapping[str, Any], name: str) -> float | None:
    return figures[name]["mean"] if name in figures else None
