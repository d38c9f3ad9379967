"""What the statistics of the gate do: to sound models, and to damaged ones that every exact check would pass."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.gate_calibration.comparisons import (
    DRAWN,
    Noise,
    Outcomes,
    Pairs,
    Pool,
    Scores,
    compare,
    every_pair,
    true_change,
)
from benchmarks.gate_calibration.listening import Listening, lost_at_source, thinned
from benchmarks.gate_calibration.models import (
    PerListener,
    Trained,
    cold,
    drawn_recalls,
    of_yesterday,
    popular_factors,
    popularity_scored,
    scored,
    shifted,
    warm,
)
from benchmarks.gate_calibration.tables import a_year, percent, rated, table
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.matrix.play_matrix import canonical

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Amounts:
    """How much is computed."""

    trainings: int = 12  # of each sound kind
    damaged: int = 25  # models of each statistical fault
    comparisons: int = 3_000  # of a model with itself
    runs: int = 1_000  # comparisons of each fault
    draws: int = 60  # of recall
    min_users: int = 1_000  # the policy's

    def policy(self, margin: float = 0.02) -> GateConfig:
        """The default policy, but for this margin."""
        return GateConfig(margin=margin, min_users=self.min_users)


class Trial:
    """Models of one listening, trained and scored when they are first asked for."""

    def __init__(self, of: Listening, amounts: Amounts, progress: Progress) -> None:
        self.of, self.amounts, self.progress = of, amounts, progress

    @cached_property
    def pool(self) -> Pool:
        """All listeners that are scored."""
        activity = np.diff(self.of.split.training[self.of.rows].indptr).astype(np.float64)
        return Pool(activity, popularity_scored(self.of))

    @cached_property
    def models(self) -> list[Trained]:
        """Cold starts, one a seed."""
        return [cold(self.of, seed) for seed in range(self.amounts.trainings)]

    @cached_property
    def parents(self) -> list[Trained]:
        """Cold starts of the day before."""
        return [of_yesterday(self.of, seed) for seed in range(self.amounts.trainings)]

    @cached_property
    def children(self) -> list[Trained]:
        """Today's models from these parents."""
        return [warm(self.of, parent) for parent in self.parents]

    @cached_property
    def cold(self) -> Scores:
        """Scores of the cold starts."""
        return self.scores("cold", self.models)

    @cached_property
    def warm(self) -> Scores:
        """Scores of the warm ones."""
        return self.scores("warm", self.children)

    @cached_property
    def earlier(self) -> Scores:
        """Scores of yesterday's models, today."""
        return self.scores("yesterday", self.parents)

    def scores(self, name: str, models: list[Trained]) -> list[PerListener]:
        """Scores of each model."""
        found = []
        for model in models:
            found.append(scored(self.of, model.factors.user_factors, model.factors.item_factors))
            self.progress(f"{self.of.name}, {name}: {model.iterations} iterations, precision {found[-1].mean():.5f}")
        return found


LOST = (0.03, 0.10)
Damaged = tuple[str, int, Pairs]  # fault, number of damaged models, what is compared with what


def damaged_pairs(trial: Trial) -> Iterator[Damaged]:
    """Each fault of which models can be made."""
    of, amounts = trial.of, trial.amounts
    training = of.split.training

    def lossy(share: float) -> Callable[[int, np.random.Generator], Trained]:
        return lambda n, rng: cold(of, n, thinned(training, share, rng))

    for share in LOST:
        yield _lost_at_source(trial, share)
    for share in LOST:
        yield _trained(trial, lost_name(share, "into the solver"), amounts.damaged, lossy(share))
    yield _trained(trial, "3 iterations", amounts.damaged, lambda n, _rng: cold(of, n, iterations=3))
    yield from _misplaced(trial)
    twice, leaked = canonical(training + of.last_day), canonical(training + of.split.hidden)
    yield _trained(trial, "newest day doubled", amounts.trainings, lambda n, _rng: cold(of, n, twice))
    yield _trained(trial, "hidden plays leaked", amounts.trainings, lambda n, _rng: cold(of, n, leaked))
    popular = popular_factors(of)
    own = [scored(of, popular.user_factors, popular.item_factors)]
    yield "popularity instead of ALS", 1, every_pair(own, trial.cold)


def lost_name(share: float, where: str) -> str:
    """Name of a fault that loses cells."""
    return f"{100 * share:.0f} % of cells lost {where}"


def _trained(trial: Trial, name: str, count: int, make: Callable[[int, np.random.Generator], Trained]) -> Damaged:
    """Models that were trained wrongly, each from a seed and with damage of its own, against all sound ones."""
    models = (make(1000 + n, np.random.default_rng([7, n])) for n in range(count))
    found = [score for model in models for score in trial.scores(name, [model])]
    return name, count, every_pair(found, trial.cold)


def _lost_at_source(trial: Trial, share: float) -> Damaged:
    """Candidates whose matrix lacks cells that the incumbent knew; both are asked for what that matrix knows."""
    pairs = []
    for n in range(trial.amounts.damaged):
        lossy = lost_at_source(trial.of, share, np.random.default_rng([9, n]))
        models = (cold(lossy, 1000 + n), trial.models[n % len(trial.models)])
        candidate, incumbent = (scored(lossy, m.factors.user_factors, m.factors.item_factors) for m in models)
        trial.progress(f"{share:.0%} lost at the source: {candidate.mean():.5f} against {incumbent.mean():.5f}")
        pairs.append((candidate, incumbent))
    return lost_name(share, "at the source"), len(pairs), pairs


def _misplaced(trial: Trial) -> Iterator[Damaged]:
    """Sound factors in the wrong place."""
    of, amounts = trial.of, trial.amounts
    users, items = zip(*((m.factors.user_factors, m.factors.item_factors) for m in trial.models), strict=True)
    moved = [
        scored(of, users[n % len(users)], shifted(items[n % len(items)], 0.01, np.random.default_rng([8, n])))
        for n in range(amounts.damaged)
    ]
    yield "id shift on 1 % of tracks", amounts.damaged, every_pair(moved, trial.cold)
    yield "yesterday's factors", len(trial.earlier), every_pair(trial.earlier, trial.warm)
    generations = zip(trial.children, trial.parents, strict=True)
    stale = [scored(of, child.factors.user_factors, parent.factors.item_factors) for child, parent in generations]
    yield "stale index, warm day", len(stale), every_pair(stale, trial.warm)
    foreign = [scored(of, users[n], trial.parents[n - 1].factors.item_factors) for n in range(len(users))]
    yield "stale index, cold day", len(foreign), every_pair(foreign, trial.cold)


SAME = ("models", "drawing", "listeners", "margin", "SE", "HOLD", "BLOCK", "HOLDs a year", "BLOCKs a year", "warned")


def same_row(trial: Trial, label: str, pairs: Pairs, n: int, margin: float, how: str = DRAWN) -> list[str]:
    """A row of the table of comparisons of a model with itself."""
    amounts = trial.amounts
    found = compare(trial.pool, pairs, amounts.policy(margin), n, amounts.comparisons, how=how)
    trial.progress(f"{trial.of.name}, {label}, {how}, {n:,}, {margin}: {dict(found.counts)}")
    hold, block = found.rate("HOLD"), found.rate("BLOCK")
    figures = [f"{n:,}", percent(margin, 0), percent(found.error, 2), percent(hold.share), rated(block, 2)]
    return [f"{trial.of.name}, {label}", how, *figures, *map(a_year, (hold, block)), percent(found.warned / found.runs)]


FAULT = ("fault", "models", "runs", "true change", "PASS", "HOLD", "BLOCK", "not passed", "decided by")


def fault_rows(trial: Trial, pairs_of: Mapping[str, tuple[int, Pairs]], n: int) -> Iterator[list[str]]:
    """One row a fault, judged by the default policy."""
    for name, (models, pairs) in pairs_of.items():
        found = compare(trial.pool, pairs, trial.amounts.policy(), n, trial.amounts.runs)
        shown = [f"{found.counts[outcome]:,}" for outcome in ("PASS", "HOLD", "BLOCK")]
        by = ", ".join(f"{reason} {count:,}" for reason, count in found.reasons.most_common()) or "-"
        change = f"{100 * true_change(pairs):+.1f} %"
        yield [name, str(models), f"{found.runs:,}", change, *shown, rated(found.rate("HOLD", "BLOCK")), by]


NOISE = ("listening", "starts", "trainings", "listeners", "sd of mean", "from listeners", "common", "common at most")


def noise_row(trial: Trial, kind: str, scores: Scores) -> list[str]:
    """A row of the table of what the start of a training does."""
    noise = Noise.of(scores)
    parts = (noise.observed, noise.expected, noise.common, noise.common_high)
    return [trial.of.name, kind, str(noise.trainings), f"{noise.listeners:,}", *(percent(part, 2) for part in parts)]


def size_table(trial: Trial, pairs_of: Mapping[str, Pairs], sizes: tuple[int, ...], margins: tuple[float, ...]) -> str:
    """PASS, HOLD and BLOCK of several changes, by number of listeners and margin."""

    def in_percent(found: Outcomes) -> str:
        return " / ".join(f"{100 * found.rate(outcome).share:.0f}" for outcome in ("PASS", "HOLD", "BLOCK"))

    rows = []
    for n in sizes:
        for margin in margins:
            policy, runs = trial.amounts.policy(margin), trial.amounts.runs
            found = [compare(trial.pool, pairs, policy, n, runs) for pairs in pairs_of.values()]
            rows.append(
                [f"{n:,}", percent(margin, 0), percent(found[0].error, 2), *(in_percent(each) for each in found)]
            )
    return table(("listeners", "margin", "SE", *pairs_of), rows)


def recall_table(trial: Trial) -> str:
    """How far the gate's own measurement of recall strays between draws of its queries."""
    queries = GateConfig().recall_queries
    found = drawn_recalls(trial.of, trial.models[0].factors, queries, trial.amounts.draws)
    rows = [
        [way, f"{len(values)} x {queries}", f"{values.mean():.4f}", f"{values.std(ddof=1):.4f}", f"{values.min():.4f}"]
        for way, values in zip(("user-track", "track-track"), found.T, strict=True)
    ]
    return table(("search", "draws x queries", "mean recall", "sd of a draw", "lowest"), rows)
