"""Many verdicts on models that were scored once: listeners are drawn anew, and so are the models.

What limits these figures. One comparison at n listeners has a standard error SE = s / sqrt(n), where s is the spread
of a listener's own difference between two models: 0.6 % of the mean at 10,000 listeners of the synthetic world. The
models are few (12 trainings, 132 ordered pairs), and all listeners come from one pool of N. So there are three ways to
draw, and none of them is perfect:

- ``DRAWN``, n of the N without replacement. Such a draw of a sample is itself a sample, so that the rate is, on
  average over pools, what a service would see; but all draws share one pool, and the interval does not know it.
- ``REPEATED``, with replacement. Each comparison repeats the pool's own chance and adds as much again: its variance
  is 1 + n / N times what a service would see, and the rate an upper estimate.
- ``SWAPPED``, with replacement, and with each listener's two values swapped by a coin. The two models are then equal
  by construction, and the interval holds; but what a training does to all listeners alike is gone (see ``Noise``).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, chi2

from benchmarks.gate_calibration.models import PerListener
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.verdict import Beside, judge

SOUND = [Check("all exact checks", True, "sound", "sound")]
RUNS_A_YEAR = 365
DRAWN, REPEATED, SWAPPED = "drawn", "repeated", "swapped"
Scores = Sequence[PerListener]
Pairs = Sequence[tuple[PerListener, PerListener]]  # candidate and incumbent, (len(pool),) each


@dataclass(frozen=True)
class Rate:
    """How many of how many, with the exact 95 % interval of Clopper and Pearson (1934)."""

    n: int
    of: int

    @property
    def share(self) -> float:
        """The observed one."""
        return self.n / self.of

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return float(beta.ppf(0.025, self.n, self.of - self.n + 1)) if self.n else 0.0

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return float(beta.ppf(0.975, self.n + 1, self.of - self.n)) if self.n < self.of else 1.0


@dataclass(frozen=True)
class Outcomes:
    """What became of many comparisons."""

    counts: Counter[str]  # PASS, HOLD, BLOCK
    reasons: Counter[str]  # of the verdicts that were not PASS, in a few words
    warned: int  # comparisons with a warning about a slice
    error: float  # mean standard error, as a share of the incumbent's mean

    @property
    def runs(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def rate(self, *outcomes: str) -> Rate:
        """How many ended like this."""
        return Rate(sum(self.counts[outcome] for outcome in outcomes), self.runs)


@dataclass(frozen=True)
class Pool:
    """The listeners that comparisons are drawn from."""

    activity: PerListener  # tracks in the history
    popularity: PerListener  # precision of the popular tracks

    def __len__(self) -> int:
        return len(self.activity)


def every_pair(candidates: Scores, incumbents: Scores) -> Pairs:
    """Each candidate with each incumbent, none with its own self."""
    return [(one, other) for one in candidates for other in incumbents if one is not other]


def compare(pool: Pool, pairs: Pairs, policy: GateConfig, n: int, runs: int, how: str = DRAWN) -> Outcomes:
    """Verdicts of the gate on drawn models and drawn listeners.

    Args:
        pool: the listeners.
        pairs: scores of candidate and incumbent, one pair of which is drawn for each comparison.
        policy: of the gate.
        n: listeners of a comparison, at most len(pool).
        runs: comparisons.
        how: listeners are drawn: ``DRAWN``, ``REPEATED`` or ``SWAPPED``.
    """
    rng = np.random.default_rng(1)
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    warned, errors = 0, []
    for _ in range(runs):
        candidate, incumbent = pairs[int(rng.integers(len(pairs)))]
        chosen = rng.choice(len(pool), n, replace=how != DRAWN)
        one, other = candidate[chosen], incumbent[chosen]
        if how == SWAPPED:
            coin = rng.random(n) < 0.5
            one, other = np.where(coin, one, other), np.where(coin, other, one)
        verdict = judge(SOUND, per_user(pool, chosen, one, other), Beside(), policy)
        counts[verdict.outcome] += 1
        warned += bool(verdict.figures["warnings"])
        pair = verdict.figures["pair"]
        errors.append(pair["standard_error"] / pair["incumbent"])
        if verdict.outcome != "PASS":
            reasons["popular tracks" if "popular" in verdict.reasons[0] else "live release"] += 1
    return Outcomes(counts, reasons, warned, float(np.mean(errors)))


def per_user(
    pool: Pool, chosen: npt.NDArray[np.int64], candidate: PerListener, incumbent: PerListener
) -> dict[str, PerListener]:
    """What the gate would read of the chosen listeners, two models' scores of theirs (len(chosen),) each."""
    return {
        "activity": pool.activity[chosen],
        "candidate_precision": candidate,
        "popularity_precision": pool.popularity[chosen],
        "candidate_common_precision": candidate,
        "incumbent_common_precision": incumbent,
    }


@dataclass(frozen=True)
class Noise:
    """What the start of a training does to the mean over listeners, as shares of that mean."""

    trainings: int
    listeners: int
    observed: float  # standard deviation of the mean over trainings
    expected: float  # of it, what the listeners' own differences bring, which the paired standard error holds already
    common: float  # what is left: moves all listeners together; the gate's training_noise
    common_high: float  # its upper 95 % bound

    @classmethod
    def of(cls, scores: Scores) -> "Noise":
        """Two-way analysis of variance, trainings x listeners, without replication.

        observed^2 = common^2 + interaction^2 / n_listeners; the bound is that of a variance, by chi square.
        """
        values = np.array(scores)  # (n_trainings, n_listeners)
        trainings, listeners = values.shape
        mean = values.mean()
        observed = values.mean(axis=1).var(ddof=1)
        rest = values - values.mean(axis=0) - values.mean(axis=1)[:, None] + mean
        interaction = (rest**2).sum() / ((trainings - 1) * (listeners - 1))
        expected = interaction / listeners
        high = (trainings - 1) * observed / chi2.ppf(0.05, trainings - 1) - expected
        parts = (observed, expected, observed - expected, high)
        shares = (float(np.sqrt(max(0.0, part)) / mean) for part in parts)
        return cls(trainings, listeners, *shares)


def true_change(pairs: Pairs) -> float:
    """Mean precision of the candidates over that of the incumbents, on all listeners of the pool, less one."""
    candidates, incumbents = zip(*pairs, strict=True)
    return float(np.mean(candidates) / np.mean(incumbents) - 1)
