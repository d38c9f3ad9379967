"""Successive halving over the settings of components, on samples of listeners that grow.

Karnin, Koren and Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013; on training sets that grow as
in Jamieson and Talwalkar, AISTATS 2016. In a round everything is trained on the plays of the sampled listeners alone.
The best quarter of a component's settings goes on to four times as many. A setting counts by the nDCG@k of ALS and this
component joined by weights, which are learnt on the fitting listeners and scored on those of validation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import BadData
from recsys_tasks.evaluation.blend_weights import weights_for
from recsys_tasks.evaluation.ensemble_data import Group, Material, Once, Sample
from recsys_tasks.evaluation.ensemble_parts import Part, Today, fitted, parts_to_try
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.metrics import ndcg, precision
from recsys_tasks.evaluation.tuning_scores import Scores
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.blend import weighted_sum
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.pools import Pool, best_of

GROWTH = 4
"""How many times as many listeners the next round has, and which share of the settings goes on to it."""
LEAST_SAMPLE = 5_000
"""Listeners of a round at the least, unless there are fewer in all."""
MOST_ROUNDS = 3
Totals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tried:
    """A setting of a component in a round."""

    name: str  # of the component
    part: Part
    listeners: int  # that it was trained on
    ndcg: float  # of ALS and this component, on the listeners of validation
    als: float  # of ALS alone


@dataclass(frozen=True)
class Options:
    """How ensembles are compared, and within which time."""

    k: int
    depth: int  # candidates that each component lists
    trees: bool  # whether LightGBM may be asked
    clock: Callable[[], float]  # seconds since any moment
    seconds: float = float("inf")
    tell: Callable[[Tried], None] = lambda _tried: None
    least_sample: int = LEAST_SAMPLE
    deeper: tuple[int, ...] = ()  # more candidates, tried where trees join them


@dataclass(frozen=True)
class Halved:
    """The last round, and all that was tried up to it."""

    sample: Sample
    als: Once
    settings: Mapping[str, Part]  # the best of each component
    tried: tuple[Tried, ...]
    stopped: bool  # the time was up before all listeners took part


def sizes_of(n_listeners: int, least: int = LEAST_SAMPLE) -> list[int]:
    """How many listeners each round has; the last one has all."""
    sizes = [n_listeners // GROWTH**n for n in reversed(range(MOST_ROUNDS))]
    return [size for size in sizes if size >= least or size == n_listeners]


def halved(material: Material, als: AlsConfig, today: Today, options: Options) -> Halved:
    """The best setting of each component.

    A round that would end beyond the time is not begun: the one before is then the last.

    Raises:
        BadData: a group of listeners has nobody.
    """
    going, tried = parts_to_try(today, material), list[Tried]()
    sizes, began = sizes_of(len(material.split.users), options.least_sample), options.clock()
    for size in sizes:
        start = options.clock()
        sample = material.sample(size)
        factors = Once(factors_of(sample, als))
        found = {name: _tried(name, parts, sample, factors, options) for name, parts in going.items()}
        tried += [each for one in found.values() for each in one]
        going = {name: _best(one) for name, one in found.items()}
        now = options.clock()
        if size != sizes[-1] and now + GROWTH * (now - start) > began + options.seconds:
            break
    settings = {name: parts[0] for name, parts in going.items()}
    return Halved(sample, factors, settings, tuple(tried), size != sizes[-1])


def factors_of(sample: Sample, config: AlsConfig) -> Factors:
    """ALS from a cold start, those who are asked learned anew from their own plays, as a release does it.

    Raises:
        BadData: a group of listeners has nobody, or the factors grow beyond all bounds.
    """
    groups = (sample.fitting, sample.validation, sample.reporting)
    if not all(map(len, groups)):
        raise BadData("Too few listeners have hidden plays to choose components by. Give more days (--days).")
    asked, als = np.concatenate(groups), Als(config)
    return als.fold_in(als.fit(sample.data).component, sample.data.plays[asked], asked)


def scored(pool: Pool, totals: Totals, hidden: sparse.csr_matrix, k: int) -> Scores:
    """Scores of the lists of a pool under some totals. totals: (n_users, n_places)."""
    hits = is_hit(best_of(pool, totals, k).cols.astype(np.int64), hidden)
    return Scores(precision(hits), ndcg(hits, np.diff(hidden.indptr)))


def _tried(name: str, parts: Sequence[Part], sample: Sample, als: Once, options: Options) -> list[Tried]:
    """What each setting of a component scores beside ALS."""
    found = []
    for part in parts:
        components = [als, *fitted(part, sample).values()]
        fitting, validation = (
            Group.asked(components, sample, rows, options.depth) for rows in (sample.fitting, sample.validation)
        )
        weights = weights_for(fitting.pool, fitting.hidden, options.k)
        alone, beside = (
            scored(pool, weighted_sum(pool.z, each), validation.hidden, options.k).ndcg.mean()
            for pool, each in ((validation.of([0]), (1.0,)), (validation.pool, weights))
        )
        found.append(Tried(name, part, len(sample.data.users), float(beside), float(alone)))
        options.tell(found[-1])
    return found


def _best(tried: Sequence[Tried]) -> list[Part]:
    """The settings that go on, best first; of equal ones the earlier."""
    ordered = sorted(tried, key=lambda each: -each.ndcg)
    return [each.part for each in ordered[: -(-len(ordered) // GROWTH)]]
