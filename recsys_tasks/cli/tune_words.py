"""What ``tune`` says: how far it is, what it found, and what it changed."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from recsys_tasks.core.config import MOST_FACTORS, AlsConfig
from recsys_tasks.core.formatting import count, fraction, significant, with_interval
from recsys_tasks.evaluation.tuning_results import Reported, SearchProgress, Trial, Tuned
from recsys_tasks.evaluation.tuning_scores import Gains
from recsys_tasks.reporting.terminal_tables import as_table
from recsys_tasks.steps.remaining import spoken

SHOWN = 8
CHOSEN = ("weight", "a", "regularization", "factors")
"""Fields of [als] that are chosen."""


def progress_line(progress: SearchProgress, k: int) -> str:
    """A trial, in a line: ``trial 7 of about 57, about 4 min left: ...``."""
    trial, total = progress.trial, progress.done + progress.to_come
    left = f", about {spoken(progress.seconds_left)} left" if progress.to_come else ""
    best = "the best so far" if trial == progress.best else f"the best so far {fraction(progress.best.means.ndcg)}"
    return (
        f"trial {progress.done} of about {total}{left}: {described(trial.config)}: nDCG@{k} "
        f"{fraction(trial.means.ndcg)} ({best}), precision@{k} {fraction(trial.means.precision)}"
    )


def described(config: AlsConfig) -> str:
    """A setting in a few words."""
    a, regularization = significant(config.a), significant(config.regularization)
    return f"{config.weight}, a = {a}, lambda = {regularization}, {config.factors} factors"


def as_data(tuned: Tuned) -> dict[str, Any]:
    """The answer for machines."""
    reported = tuned.reported
    return {
        "winner": tuned.winner.model_dump(),
        "current": _row(tuned.current),
        "choosing_users": tuned.choosing_users,
        "reported": {
            "users": reported.users,
            **{name: getattr(reported, name)._asdict() for name in ("winner", "current", "popular")},
            "over_current": gains_as_data(reported.over_current),
            "over_popular": gains_as_data(reported.over_popular),
        },
        "edges": list(tuned.edges),
        "stopped": tuned.stopped,
        "trials": [_row(trial) for trial in tuned.trials],
    }


def as_text(tuned: Tuned, k: int, lengths: Sequence[int]) -> str:
    """The answer for people: the best trials, and what the winner is worth to other listeners. lengths: of a vector, to
    try."""
    columns = {"weight": "weight", "a": "a", "regularization": "lambda", "factors": "factors"}
    columns |= {"ndcg": f"nDCG@{k}", "precision": f"precision@{k}", "note": ""}
    shown = [*tuned.trials[:SHOWN], *(trial for trial in tuned.trials[SHOWN:] if trial == tuned.current)]
    rows = [_shown(trial, tuned) for trial in shown]
    parts = [
        f"The best {min(SHOWN, len(tuned.trials))} of {len(tuned.trials)} settings, by nDCG@{k} on "
        f"{count(tuned.choosing_users)} listeners:\n\n{as_table(rows, columns)}",
        _worth(tuned.reported, k),
    ]
    if said := _what_to_know(tuned, lengths):
        parts.append("\n".join(said))
    return "\n\n".join(parts)


def gains_as_data(found: Gains) -> dict[str, Any]:
    """Differences with their bounds; of one listener there are none."""
    return {
        name: {bound: None if isnan(value) else value for bound, value in each._asdict().items()}
        for name, each in found._asdict().items()
    }


def changes(before: AlsConfig, winner: AlsConfig) -> list[str]:
    """Each chosen field that changes, as ``a 40 -> 3.2``."""
    return [
        f"{name} {_value(getattr(before, name))} -> {_value(getattr(winner, name))}"
        for name in CHOSEN
        if getattr(before, name) != getattr(winner, name)
    ]


def _row(trial: Trial) -> dict[str, Any]:
    return trial.config.model_dump() | trial.means._asdict()


def _shown(trial: Trial, tuned: Tuned) -> dict[str, Any]:
    numbers = {"a": significant(trial.config.a), "regularization": significant(trial.config.regularization)}
    return _row(trial) | numbers | {"note": "today's settings" if trial == tuned.current else ""}


def _worth(reported: Reported, k: int) -> str:
    """What winner, today's settings and the popular tracks are worth to the listeners that nothing was chosen on."""
    rows: list[Mapping[str, Any]] = [
        {"of": name} | means._asdict()
        for name, means in (
            ("the winner", reported.winner),
            ("today's settings", reported.current),
            ("the popular tracks", reported.popular),
        )
    ]
    rows += [
        {"of": f"winner less {name}", "ndcg": with_interval(*found.ndcg), "precision": with_interval(*found.precision)}
        for name, found in (("today's settings", reported.over_current), ("popular tracks", reported.over_popular))
    ]
    table = as_table(rows, {"of": "", "ndcg": f"nDCG@{k}", "precision": f"precision@{k}"})
    return f"On {count(reported.users)} other listeners, differences with intervals of 95%:\n\n{table}"


def _what_to_know(tuned: Tuned, lengths: Sequence[int]) -> list[str]:
    said = []
    if tuned.winner != tuned.best.config:
        said.append(
            f"The best of all ({described(tuned.best.config)}) is not better by more than one standard error, and its "
            "longer vectors cost more each day."
        )
    if tuned.winner == tuned.current.config:
        said.append("No setting that was tried is to be preferred to today's.")
    elif tuned.reported.over_current.ndcg.low <= 0:
        said.append("On the other listeners the winner is not surely better than today's settings.")
    if tuned.edges:
        said.append(f"The winner stands at the edge of what is allowed ({', '.join(tuned.edges)}): more may be better.")
        if len(lengths) > 1 and max(lengths) == tuned.winner.factors < MOST_FACTORS:
            longer = min(2 * max(lengths), MOST_FACTORS)
            said.append(f"For longer vectors: --factors {min(lengths)} {max(lengths)} {longer}.")
    if tuned.stopped:
        said.append("The time was up before the search had ended: this is the best of what was tried.")
        longest = max(trial.config.factors for trial in tuned.trials)
        if max(lengths) > longest:
            said.append(
                f"Vectors of more than {longest} factors were not reached: in more --minutes they may be better."
            )
    return said


def _value(value: Any) -> str:
    return significant(value) if isinstance(value, float) else str(value)
