"""The plots of how good the recommendations are: precision, difference to the live release, drift, recall, slices."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys_tasks.core.formatting import count, setting_percent, significant
from recsys_tasks.gate.drift import Drift
from recsys_tasks.reporting.intervals import Estimate, estimate, relative_difference
from recsys_tasks.reporting.plots import (
    FEW,
    Bound,
    Compared,
    Forest,
    Line,
    Mark,
    Plot,
    Rows,
    column,
    days_of,
    line_of_estimates,
    with_values,
)

VERDICT_MARKS = {"PASS": "passed", "HOLD": "held", "BLOCK": "blocked"}


LIVE_IS = "The release that was live is scored on the day it had not seen, which is what listeners really got. "


def precision_over_days(rows: Rows, floor: float, k: int, others: Rows = ()) -> Plot:
    """precision@k of candidate, live release and popular tracks, with the gate's verdicts.

    Args:
        rows: of the series, oldest first.
        floor: below it the gate blocks; 0 where the policy asks for none.
        k: length of a list.
        others: judgements of these dates that do not count, because another one made the date's release or came later.
    """
    found = [estimate(row["precision"], row["precision_error"]) for row in rows]
    blocks = "below the floor, or not above the popular tracks" if floor else "not above the popular tracks"
    asks = "" if floor else "; the policy asks for no floor"
    lines = with_values(
        line_of_estimates("candidate", found),
        Line("release live that day", "live", column(rows, "honest", "precision")),
        Line("popular tracks", "popular", column(rows, "popularity")),
    )
    live = any(line.look == "live" for line in lines)
    return Plot(
        name="precision",
        title=f"Precision: share of {k} recommended tracks then discovered",
        caption=f"{'The candidate is shown with its 95% interval. ' if lines[0].low else ''}"
        f"{LIVE_IS if live else ''}The gate blocks what is {blocks}{asks}.",
        unit=f"precision@{k}",
        digits=4,
        points=days_of(rows),
        lines=lines,
        bounds=(Bound(f"floor {significant(floor)}", floor),) if floor else (),
        marks=_marks(rows, others),
        judged=True,
    )


def differences_over_days(rows: Rows, slow: Drift, median_days: int, margin: float) -> Plot:
    """The paired difference to the live release, as a share of that release's precision.

    Args:
        rows: of the series, oldest first.
        slow: the running median of that share; the days that it counts are among those of ``rows``.
        median_days: window of that median.
        margin: loss that the gate still lets pass, a share.
    """
    smooth = {day: None if value is None else 100 * value for day, value in zip(slow.days, slow.median, strict=True)}
    median = Line(f"{median_days}-day median", "median", tuple(smooth.get(day) for day in days_of(rows)), joined=True)
    has_median = any(value is not None for value in median.values)
    shares = [relative_difference(row["pair"]) for row in rows]
    alike = " Components are joined as the live release joins its own." if any(row.get("as_is") for row in rows) else ""
    before = (
        " Before, each was as it would be published." if alike and any(row.get("flattered") for row in rows) else ""
    )
    return Plot(
        name="differences",
        title="Difference to the live release",
        caption="Both are scored on the same listeners and plays. A candidate that is surely above the margin "
        f"passes.{alike}{before}{' The dashed line is the running median.' if has_median else ''}",
        unit="difference, % of live",
        digits=2,
        points=days_of(rows),
        lines=(
            line_of_estimates("candidate − live", shares, scale=100),
            *((median,) if has_median else ()),
        ),
        bounds=(Bound(f"margin −{setting_percent(margin)}", -100 * margin),),
    )


def cusum_over_days(slow: Drift, bound: float) -> Plot:
    """The sum of losses, which an alarm watches. bound: of the alarm, standard errors."""
    return Plot(
        name="cusum",
        title="Slow drift: losses added up",
        caption="Small losses of many days add up (CUSUM); gains take them away again. Above the line an alert is "
        "sent.",
        unit="standard errors",
        digits=2,
        points=slow.days,
        lines=(Line("sum of losses (CUSUM)", "candidate", slow.cusum, filled=True),),
        bounds=(Bound(f"alarm above {significant(bound)}", bound),),
    )


def recall_over_days(rows: Rows, target: float) -> Plot:
    """How many of the exact answers the index finds, asked both ways. target: below it the gate blocks."""
    return Plot(
        name="recall",
        title="Index recall: how many of the exact answers the index finds",
        caption="Recall is measured on listeners and tracks that the search was not tuned on. The gate blocks below "
        "the line.",
        unit="recall",
        digits=4,
        points=days_of(rows),
        lines=(
            Line("tracks for a listener", "candidate", column(rows, "user_recall")),
            Line("tracks like a track", "live", column(rows, "similar_recall")),
        ),
        bounds=(Bound(f"at least {significant(target)}", target),),
        from_zero=False,
    )


def cold_tracks_over_days(rows: Rows, k: int) -> Plot:
    """How many of the plays of tracks that nobody had played stand on lists of the week's new ones."""
    return Plot(
        name="cold_tracks",
        title=f"Tracks that nobody had played: recall@{k} among the new tracks of the week",
        caption="Of test listeners who played such a track on the day. The lists know these tracks by the catalogue "
        "alone.",
        unit="share of their plays of such tracks",
        digits=3,
        points=days_of(rows),
        lines=(
            Line("by content", "candidate", column(rows, "cold_recall")),
            Line("by the popularity of the artist", "popular", column(rows, "cold_baseline")),
        ),
    )


def joined_over_days(rows: Rows, k: int) -> Plot:
    """What the live release's components are worth joined, and by ALS alone, on days that taught it nothing."""
    return Plot(
        name="joined_later",
        title=f"What joining components is worth a day later: precision@{k} of the live release",
        caption="Of up to 2,000 of each day's test listeners. A candidate is judged on the day that taught its weights "
        "and trees; the live release is asked a day later.",
        unit=f"precision@{k}",
        digits=4,
        points=days_of(rows),
        lines=(
            Line("components joined", "candidate", column(rows, "joined_later", "joined")),
            Line("its ALS alone", "popular", column(rows, "joined_later", "first")),
        ),
    )


def slices(rows: Rows) -> Forest:
    """The difference in each slice with its interval. rows: of the verdict's figures, differences of precision."""
    return Forest(
        name="slices",
        title="Slices of listeners and tracks",
        caption="Right of the line the candidate is better than the live release. The number of listeners stands in "
        "brackets.",
        unit="hits per 100 recommendations, candidate − live release",
        digits=3,
        rows=tuple(
            Compared(f"{row['slice']} ({count(row['users'])})", _per_hundred(row), bool(row["warned"])) for row in rows
        ),
    )


def _per_hundred(row: Mapping[str, Any]) -> Estimate:
    low, high = (None if row[name] is None else 100 * row[name] for name in ("low", "high"))
    return Estimate(100 * row["difference"], low, high)


def _marks(rows: Rows, others: Rows) -> tuple[Mark, ...]:
    """What the gate said of each judgement: among few days always, among many only where it refused.

    One that nobody could be scored for has its sign at the foot of the plot.
    """
    at = {row["day"]: i for i, row in enumerate(rows)}
    judged = [(at[row["day"]], row) for row in (*rows, *(other for other in others if other["outcome"] != "PASS"))]
    marks = [
        _mark(name, look, [(i, row) for i, row in judged if row["outcome"] == look])
        for look, name in VERDICT_MARKS.items()
        if look != "PASS" or len(rows) <= FEW
    ]
    signed = _mark("released by a person", "ring", [(i, row) for i, row in judged if row["signed_by"] is not None])
    return tuple(mark for mark in (*marks, signed) if mark.points)


def _mark(name: str, look: str, judged: Sequence[tuple[int, Mapping[str, Any]]]) -> Mark:
    return Mark(name, look, tuple(i for i, _ in judged), tuple(row["precision"] for _, row in judged))
