"""Chains of judged days from recorded ones: what the gate says of sound candidates, and of ones with a planted loss.

A recorded day holds the rank of each hidden play of many listeners under candidate, incumbent, reference and popular
tracks. A chain draws its listeners anew on each day, judges the candidates one after the other with the days before as
their past, and so sees what a service of that size would see. A loss is planted by losing each hit of the candidate
with that chance from one day on; once such a candidate passes, it is the incumbent of the next day, with the same loss.

What limits these figures: the models of a world are the same in all chains, so that chains differ by their listeners
alone, and a pool of 4,500 listeners gives draws of 1,400 that share a third of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import Verdict, parse_day
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.evaluation.influence import too_lucky, twins_of, weights_of
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.measured import levels_in, loss_in
from recsys_tasks.gate.past import PastDay
from recsys_tasks.gate.rules import COLLAPSE
from recsys_tasks.gate.verdict import Beside, judge

K, WORST, WEEK = 10, 1_000, 7
SOUND = [Check("all exact checks", True, "sound", "sound")]
Ranks = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Loss = Callable[[int], float]
"""Share of the hits that the candidate of the n-th day of a chain loses."""


@dataclass(frozen=True)
class RecordedDay:
    """Ranks of all hidden plays of one day, sorted by listener. -1: not asked (a track that one of the two lacks)."""

    ranks: dict[str, Ranks]  # cand_all, cand_inc, inc, cand_ref, ref, pop: (n_plays,)
    tracks: Ranks  # (n_plays,)
    starts: Ranks  # (n_listeners + 1,) where each listener's plays begin
    history: Ranks  # (n_listeners,) tracks that each knew
    planted: npt.NDArray[np.bool_]  # (n_listeners,) accounts that somebody planted
    warm: bool  # the candidate was trained from the day before

    @classmethod
    def load(cls, path: Path) -> "RecordedDay":
        """A file of ``recorded_days``."""
        with np.load(path) as stored:
            order = np.argsort(stored["listener"], kind="stable")
            names = [name for name in stored.files if name.startswith("rank_")]
            ranks = {name.removeprefix("rank_"): stored[name][order].astype(np.int64) for name in names}
            n = len(stored["history"])
            starts = np.searchsorted(stored["listener"][order], np.arange(n + 1))
            return cls(
                ranks,
                stored["track"][order].astype(np.int64),
                starts,
                stored["history"],
                stored["planted"],
                bool(stored["warm"]),
            )

    @property
    def earlier(self) -> tuple[str, str]:
        """Names of the ranks under candidate and release of a week before; of the first one where that was recorded."""
        return ("cand_week", "week") if "week" in self.ranks else ("cand_ref", "ref")

    def __len__(self) -> int:
        return len(self.history)


@dataclass(frozen=True)
class Drawn:
    """The plays of some listeners of a recorded day."""

    day: RecordedDay
    plays: Ranks  # (n_plays,) places in the day
    owners: Ranks  # (n_plays,) 0 to n - 1
    listeners: Ranks  # (n,) rows of the day


def drawn(day: RecordedDay, listeners: Ranks) -> Drawn:
    """The plays of these listeners."""
    lengths = np.diff(day.starts)[listeners]
    owners = np.repeat(np.arange(len(listeners)), lengths)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return Drawn(day, day.starts[listeners][owners] + within, owners, listeners)


def columns_of(draw: Drawn, lost: dict[str, npt.NDArray[np.bool_]], places: int) -> dict[str, Values]:
    """The columns of an evaluation, as ``evaluate_models`` leaves them.

    Args:
        draw: whose plays.
        lost: candidate, incumbent and earlier -> (n_plays,) plays that its lists lack though recorded ones had them.
        places: length of the long lists.
    """
    n, owners = len(draw.listeners), draw.owners

    def ranks(name: str, who: str = "") -> Ranks:
        found = draw.day.ranks[name][draw.plays]
        return np.where(lost[who] & (found >= 0), WORST, found) if who in lost else found

    def total(values: Values) -> Values:
        return np.bincount(owners, values, minlength=n) / K

    columns = {
        "candidate_precision": total(_hit(ranks("cand_all", "candidate"))),
        "incumbent_precision": total(_hit(ranks("inc_all", "incumbent"))),
        "popularity_precision": total(_hit(ranks("pop"))),
        "activity": draw.day.history[draw.listeners].astype(np.float64),
    }
    for other, one, beside, who in (
        ("incumbent_common", "cand_inc", "inc", "incumbent"),
        ("earlier", *draw.day.earlier, "earlier"),
    ):
        mine, theirs = ranks(one, "candidate"), ranks(beside, who)
        asked = np.bincount(owners, mine >= 0, minlength=n) > 0
        is_live = who == "incumbent"
        own, prefix = ("candidate_common", "candidate") if is_live else ("candidate_earlier", "candidate_earlier")
        other_prefix = "incumbent" if is_live else "earlier"
        for name, found in ((f"{own}_precision", mine), (f"{other}_precision", theirs)):
            columns[name] = np.where(asked, total(_hit(found)), np.nan)
        for name, found in ((f"{prefix}_evidence", mine), (f"{other_prefix}_evidence", theirs)):
            columns[name] = np.where(asked, total(_discounted(found, places)), np.nan)
    plays = np.where(ranks("cand_inc") >= 0, ranks("pop"), -1)
    columns["popularity_evidence"] = total(_discounted(plays, places))
    return columns | _influence(draw, [ranks("cand_all", "candidate"), ranks("inc_all", "incumbent"), ranks("pop")])


def _hit(ranks: Ranks) -> Values:
    return ((ranks >= 0) & (ranks < K)).astype(np.float64)


def _discounted(ranks: Ranks, places: int) -> Values:
    return np.where((ranks >= 0) & (ranks < places), np.minimum(1.0, np.sqrt(K / (np.maximum(ranks, 0) + 1))), 0.0)


def _influence(draw: Drawn, lists: Sequence[Ranks]) -> dict[str, Values]:
    n, hits = len(draw.listeners), [_hit(ranks) > 0 for ranks in lists]
    joint = np.any(hits, axis=0)
    cols = np.unique(draw.day.tracks[draw.plays], return_inverse=True)[1]
    shape = (n, int(cols.max(initial=0)) + 1)
    played, found = (
        sparse.csr_matrix((np.ones(int(some.sum()), dtype=np.int32), (draw.owners[some], cols[some])), shape=shape)
        for some in (np.ones(len(cols), dtype=bool), joint)
    )
    twins = twins_of(found, played, K)
    most = np.max([np.bincount(draw.owners, each, minlength=n) for each in hits], axis=0).astype(np.int64)
    weight = weights_of(twins, too_lucky(most, np.bincount(draw.owners, minlength=n)))
    return {"twins": twins.astype(np.float64), "weight": weight}


def chain(
    days: Sequence[RecordedDay], n: int, policy: GateConfig, loss: Loss, rng: np.random.Generator
) -> list[Verdict]:
    """Judge one candidate a day, each beside the days before it.

    Args:
        days: recorded ones, in order.
        n: scored listeners of a day.
        policy: of the gate.
        loss: planted; of the n-th day.
        rng: draws listeners and lost plays.
    """
    verdicts: list[Verdict] = []
    past: list[PastDay] = []
    live = [0.0]  # the loss of what was live, day by day
    for number, day in enumerate(days):
        own, listeners = loss(number), np.sort(rng.permutation(len(day))[:n])
        losses = {"candidate": own, "incumbent": live[-1], "earlier": live[-WEEK:][0]}
        verdict = judged_day(day, listeners, policy, past, rng, losses)
        verdicts.append(verdict)
        live.append(own if verdict.passed else live[-1])
        if verdict.figures["rule"] != COLLAPSE:
            past.append(past_of(number, verdict))
    return verdicts


def judged_day(
    day: RecordedDay,
    listeners: Ranks,
    policy: GateConfig,
    past: Sequence[PastDay],
    rng: np.random.Generator,
    losses: Mapping[str, float] = MappingProxyType({}),
) -> Verdict:
    """The verdict on a recorded day with these listeners; all losses hit the same plays first."""
    draw = drawn(day, listeners)
    lots = rng.random(len(draw.plays))
    lost = {who: lots < loss for who, loss in losses.items()}
    return judge(SOUND, columns_of(draw, lost, policy.evidence_places), Beside("", 1, past), policy)


def past_of(number: int, verdict: Verdict) -> PastDay:
    """What a judged day says to the days after it."""
    figures, day = verdict.figures, parse_day("2026-01-01") + timedelta(days=number)
    levels = levels_in(figures)
    if not verdict.passed:
        return PastDay(day, {who: value for who, value in levels.items() if not who.startswith("candidate")})
    return PastDay(
        day,
        levels,
        loss_in(figures.get("evidence") or figures["pair"]),
        loss_in(figures.get("earlier")),
    )
