"""The judged dates as a series: what every plot, table and drift alarm is made from. Only manifests are read.

A date may be judged several times: other candidates, another incumbent, another policy. Two of its judgements have a
name of their own, and every place that shows one asks for it here: the one that *counts* (``by_date``, first of its
date) made the date's release, or else is its newest; the *newest* (``newest``) is the gate's last word.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from recsys_tasks.core.business_days import BusinessDays
from recsys_tasks.core.domain import Day, Figures, parse_day
from recsys_tasks.gate.measured import levels_in, loss_in
from recsys_tasks.gate.past import PastDay
from recsys_tasks.gate.rules import COLLAPSE, EXACT
from recsys_tasks.release.advice import Judged, rule_of
from recsys_tasks.release.compared import naming_the_incumbent
from recsys_tasks.release.judgements import Judgement, Judgements
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.releases import Releases
from recsys_tasks.storage.store import ArtefactStore

Row = dict[str, Any]
NOT_JUDGED, QUARANTINED = "not judged", "quarantined"
NO_VERDICT = ("", NOT_JUDGED, QUARANTINED)
"""Outcomes of rows of which the gate has said nothing."""


def series(store: ArtefactStore, until: Day | None = None) -> list[Row]:
    """One row a judged date, oldest first: the judgement that counts.

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

    The one that counts stands first: the one that made the newest release of the date, else the newest. The others
    follow, the newest first.
    """
    dates: dict[str, list[Row]] = {}
    for row in rows:
        dates.setdefault(row["day"], []).append(row)
    return {day: sorted(found, key=_rank, reverse=True) for day, found in dates.items()}


def past_days(rows: Iterable[Row], days: int) -> list[PastDay]:
    """What the newest of the judged dates before say of an ordinary day.

    A date that collapsed says nothing, unless a person released it; of one whose candidate was refused, only what was
    made before it counts: it scored as it should, and the candidate did not. A lead by components that were joined by
    what the day itself taught is no measure of any other.

    Args:
        rows: as ``series`` gives them, oldest first.
        days: at the most.
    """
    counted = [row for row in rows if row["rule"] not in (COLLAPSE, EXACT) or row["release"] is not None]
    return [_past_day(row) for row in counted[-days:]]


def _past_day(row: Row) -> PastDay:
    day, levels = parse_day(row["day"]), row["levels"]
    if row["outcome"] != "PASS" and row["release"] is None:
        return PastDay(day, {name: value for name, value in levels.items() if not name.startswith("candidate")})
    if row["flattered"]:
        return PastDay(day, levels, as_is=loss_in(row["pair"]))
    return PastDay(
        day=day,
        levels=levels,
        against_live=loss_in(row["evidence"]) or loss_in(row["pair"]),
        against_earlier=loss_in(row["against_earlier"]),
        as_is=loss_in(row["as_is"]),
    )


def newest(rows: Iterable[Row]) -> Row | None:
    """The gate's last word on the newest judged date; None where nothing was judged.

    A date that was judged later than a newer one, in a backfill, does not hide what was said of the newer one.
    """
    judged_rows = (row for row in rows if row["outcome"] not in NO_VERDICT)
    return max(judged_rows, key=lambda row: (row["day"], *_age(row)), default=None)


def that_made(entry: Entry, rows: Iterable[Row]) -> Row | None:
    """The judgement that a release was published by, or pinned or rolled back to; None where it is not there any more.

    A candidate may have been judged against other releases too, with another verdict.
    """
    own = [row for row in rows if row["candidate"] == entry.candidate]
    return max(own, key=_rank, default=None)


def judged_of(row: Row, days: BusinessDays) -> Judged:
    """A judgement, as far as advice depends on it. days: which instants belong to which date."""
    return Judged(row["day"], row["candidate"], row["outcome"], row["exact"], row["rule"], days=days)


def judgement_row(log: ReleaseLog, judgements: Judgements, judgement: Judgement) -> Row:
    """One judgement: the figures, the verdict, and what came of it by the log."""
    return with_release(log, judged(judgements, judgement))


def judged(judgements: Judgements, judgement: Judgement) -> Row:
    """The figures and the verdict of a judgement, from its two manifests alone: as long as these stay, so does it."""
    key, figures = judgements.key_and_figures(judgement)
    verdict = judgements.verdict_figures(judgement)
    decided: Figures = verdict.get("figures", {})
    flattered = bool(figures.get("components")) and "as_is" not in decided  # by what the very day taught
    stored_at = datetime.fromtimestamp(judgements.written_at(judgement), UTC)
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
        "as_is": decided.get("as_is"),
        "flattered": flattered,
        "reference": decided.get("reference"),
        "evidence": decided.get("evidence"),
        "against_earlier": None if flattered else decided.get("earlier"),
        "levels": levels_in(decided),
        **{name: figures["recall"][name] for name in ("user_recall", "similar_recall")},
        **{"pairs": None, "weight": None, **figures["training"]},
        **{name: _recall_of_cold(figures, lists) for name, lists in COLD_LISTS.items()},
        "components": figures.get("components", ()),
        "joined_later": figures.get("joined_later"),
        "new_tracks": figures["new_tracks"],
        "new_listeners": figures["new_listeners"],
        "outcome": verdict.get("outcome", NOT_JUDGED),
        "exact": bool(verdict.get("exact")),
        "rule": rule_of(verdict) if verdict else "",
        "reasons": [naming_the_incumbent(reason, key.incumbent_release) for reason in verdict.get("reasons", [])],
        "stored_at": stored_at.isoformat(),
        "earlier": _earlier(judgements, judgement),
    }


COLD_LISTS = {"cold_recall": 0, "cold_baseline": 3}
"""Name -> place among the rows of tracks without plays: content both ways, and the popularity of the artist."""


def _recall_of_cold(figures: Figures, place: int) -> float | None:
    """recall@k among the week's new tracks; None where nobody played one without plays, or nothing is known of them."""
    rows = figures.get("cold_tracks", ())
    return float(rows[place]["recall"]) if rows else None


def not_judged(like: Row, day: str, outcome: str) -> Row:
    """The row of a date that has no judgement. like: the row of another date, whose figures are all unknown here."""
    nothing: Row = dict.fromkeys(like)
    return nothing | {"day": day, "outcome": outcome, "losses": (), "reasons": [], "earlier": [], "made_release": False}


def with_release(log: ReleaseLog, row: Row) -> Row:
    """What ``judged`` gives, with what came of the candidate by the log of now."""
    published = log.published(row["candidate"])
    overridden = published is not None and published.verdict != "PASS"
    return {
        **row,
        "release": published.number if published else None,
        "made_release": published is not None and _made(published, row),
        "signed_by": published.by if published and overridden else None,
        "signed_why": published.why if published and overridden else None,
    }


def _earlier(judgements: Judgements, judgement: Judgement) -> list[Row]:
    """The verdicts before the newest, oldest first, each with the word on which it was replaced; mostly none."""
    if judgements.judged_again(judgement) is None:
        return []
    verdicts = judgements.verdicts(judgement)
    words = [asdict(each.again) for each in verdicts if each.again]
    olds = (each.verdict for each in verdicts[:-1])
    return [
        {"outcome": old.outcome, "reasons": list(old.reasons), **word} for old, word in zip(olds, words, strict=True)
    ]


def _made(published: Entry, row: Row) -> bool:
    """Whether a judgement of its candidate is the one that a release was published by: the log keeps its figures."""
    return bool(row["outcome"] == published.verdict and row["pair"] == published.figures.get("pair"))


def _rank(row: Row) -> tuple[Any, ...]:
    """Made a release, a newer one before an older; of a candidate that was released; newer."""
    release = row["release"] or 0
    return release if row.get("made_release") else 0, release, *_age(row)


def _age(row: Row) -> tuple[Any, ...]:
    """What orders the judgements of a date by their time, and in the same instant by what they were compared with."""
    return row.get("stored_at", ""), row["incumbent_release"] or 0, row["judgement"]


def _mean(figures: Mapping[str, Any], name: str) -> float | None:
    return figures[name]["mean"] if name in figures else None
