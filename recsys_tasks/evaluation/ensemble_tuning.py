"""Which components are worth their place beside ALS, and how they are joined.

``ensemble_rounds`` finds the best setting of each component. Of these every subset is joined by weights and by trees,
learnt on the fitting listeners. Those of validation choose: the simplest of the ensembles that are within one standard
error of the best (Breiman, Friedman, Olshen and Stone 1984), for each part costs time every day. What it is worth, and
each part of it, is told of the reporting listeners, on whom nothing was chosen; where they do not say that it is better
than ALS alone, ALS stays alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.evaluation.blend_weights import weights_for
from recsys_tasks.evaluation.ensemble_data import Group, Material
from recsys_tasks.evaluation.ensemble_parts import DISCOVERIES, Part, Today, fitted
from recsys_tasks.evaluation.ensemble_rounds import Halved, Options, Totals, Tried, halved, scored
from recsys_tasks.evaluation.estimates import paired_difference
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.metrics import Values, ndcg, precision
from recsys_tasks.evaluation.ranker_training import trees_for
from recsys_tasks.evaluation.tuning_scores import Gains, Means, Scores, gains, means
from recsys_tasks.matrix.popularity import first_unplayed, popular_order
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import weighted_sum
from recsys_tasks.recommenders.pools import Pool
from recsys_tasks.recommenders.ranker import Trees
from recsys_tasks.recommenders.ranker_features import features

ALONE = "ALS alone"


class Ensemble(NamedTuple):
    """Names of the parts beside ALS, and what puts their candidates in order."""

    parts: tuple[str, ...] = ()
    ranked: bool = False

    @property
    def cost(self) -> tuple[bool, int]:
        """The simpler one has less."""
        return self.ranked, len(self.parts)

    def __str__(self) -> str:
        """In words."""
        if not self.parts:
            return ALONE
        return f"ALS, {', '.join(self.parts)}, by {'trees' if self.ranked else 'weights'}"


@dataclass(frozen=True)
class Row:
    """What lists are worth to the reporting listeners."""

    lists: str
    means: Means
    over_als: Gains | None  # None of ALS itself
    chosen: bool = False


@dataclass(frozen=True)
class TunedComponents:
    """The ensemble that was chosen, and what each part gains."""

    chosen: Ensemble  # what validation preferred, or ALS alone where the reporting listeners do not confirm it
    preferred: Ensemble  # by validation
    settings: dict[str, Part]  # the best of each component, chosen or not
    tried: tuple[Tried, ...]
    validation: tuple[tuple[Ensemble, float], ...]  # nDCG@k of each ensemble, best first
    rows: tuple[Row, ...]
    listeners: int  # that the last round was trained on
    asked: tuple[int, int, int]  # listeners: fitting, validation, reporting
    stopped: bool  # the time was up before all listeners took part


def tune_components(material: Material, als: AlsConfig, today: Today, options: Options) -> TunedComponents:
    """Choose the parts of an ensemble.

    Args:
        material: plays to train on and hidden ones.
        als: its settings, which stay.
        today: settings of the other components, which are tried too.
        options: how they are compared, and within which time.

    Raises:
        BadData: a group of listeners has nobody.
    """
    return _Joining(halved(material, als, today, options), options).result()


class _Joining:
    """Ensembles of the best settings, each learnt once."""

    def __init__(self, last: Halved, options: Options) -> None:
        self._last, self._options = last, options
        components: dict[str, Retriever] = {"als": last.als}
        self._places: dict[str, list[int]] = {}  # of the components of each part
        for name, part in last.settings.items():
            own = fitted(part, last.sample)
            self._places[name] = list(range(len(components), len(components) + len(own)))
            components |= own
        self._labels, sample = list(components), last.sample
        self._fitting, self._validation, self._reporting = (
            Group.asked(list(components.values()), sample, rows, options.depth)
            for rows in (sample.fitting, sample.validation, sample.reporting)
        )
        self._learnt: dict[Ensemble, Trees | tuple[float, ...]] = {}

    def result(self) -> TunedComponents:
        """What came of it."""
        found = {each: self._scores(each, self._validation).ndcg for each in self._ensembles()}
        best = max(found, key=lambda each: float(found[each].mean()))
        preferred = min((each for each in found if is_near(found[each], found[best])), key=lambda each: each.cost)
        chosen = preferred if self._is_confirmed(preferred) else Ensemble()
        means_of = {each: float(scores.mean()) for each, scores in found.items()}
        sample = self._last.sample
        return TunedComponents(
            chosen=chosen,
            preferred=preferred,
            settings=dict(self._last.settings),
            tried=self._last.tried,
            validation=tuple(sorted(means_of.items(), key=lambda of: -of[1])),
            rows=tuple(self._rows(chosen, preferred, best.ranked)),
            listeners=len(sample.data.users),
            asked=(len(sample.fitting), len(sample.validation), len(sample.reporting)),
            stopped=self._last.stopped,
        )

    def _ensembles(self) -> Iterator[Ensemble]:
        """Every one that can be made of the parts, the simplest first."""
        yield Ensemble()
        for ranked in (False, True) if self._options.trees else (False,):
            for n in range(1, len(self._places) + 1):
                possible = (
                    parts for parts in combinations(self._places, n) if not {"recent", DISCOVERIES} <= set(parts)
                )
                yield from (Ensemble(parts, ranked) for parts in possible)

    def _is_confirmed(self, preferred: Ensemble) -> bool:
        """Whether those on whom nothing was chosen say that it is better than ALS alone."""
        found = gains(self._scores(preferred, self._reporting), self._scores(Ensemble(), self._reporting))
        return found.ndcg.low > 0

    def _rows(self, chosen: Ensemble, preferred: Ensemble, ranked: bool) -> Iterator[Row]:
        """The popular tracks, each component alone, the whole, and the whole without each part."""
        group, every = self._reporting, self._every()
        als = self._scores(Ensemble(), group)
        yield _row("the popular tracks", self._popular(), als)
        yield Row(ALONE, means(als), None, chosen == Ensemble())
        for place, label in enumerate(self._labels[1:], 1):
            yield _row(f"{label} alone", self._alone(place, group), als)
        asked = {str(whole): whole for whole in self._ensembles() if whole.parts == every}
        asked |= {f"without {name}": Ensemble(_without(every, name), ranked) for name in every if len(every) > 1}
        asked |= {} if preferred in asked.values() or not preferred.parts else {str(preferred): preferred}
        for words, ensemble in asked.items():
            yield _row(words, self._scores(ensemble, group), als, ensemble == chosen)

    def _every(self) -> tuple[str, ...]:
        """All parts that an ensemble may have together: of the recent plays those that gain more beside ALS."""
        tried = {each.name: each.ndcg for each in self._last.tried if self._last.settings[each.name] == each.part}
        recent = {name: tried[name] for name in ("recent", DISCOVERIES) if name in tried}
        best = max(recent, key=lambda name: recent[name], default="")
        return tuple(name for name in self._places if name not in recent or name == best)

    def _scores(self, ensemble: Ensemble, group: Group) -> Scores:
        """What the lists of an ensemble are worth to a group."""
        pool, learnt = self._pool(ensemble, group), self._learning(ensemble)
        totals = weighted_sum(pool.z, learnt) if not isinstance(learnt, Trees) else self._by_trees(learnt, pool, group)
        return scored(pool, totals, group.hidden, self._options.k)

    def _learning(self, ensemble: Ensemble) -> Trees | tuple[float, ...]:
        """Weights or trees of an ensemble, learnt where it is first asked for; weights where too few teach trees."""
        if ensemble not in self._learnt:
            self._learnt[ensemble] = self._trees(ensemble) or self._weights(ensemble)
        return self._learnt[ensemble]

    def _weights(self, ensemble: Ensemble) -> tuple[float, ...]:
        return weights_for(self._pool(ensemble, self._fitting), self._fitting.hidden, self._options.k)

    def _trees(self, ensemble: Ensemble) -> Trees | None:
        if not ensemble.ranked:
            return None
        sample, group, labels = self._last.sample, self._fitting, [self._labels[n] for n in self._of(ensemble)]
        pool = self._pool(ensemble, group)
        return trees_for(pool, group.hidden, group.rows, labels, sample.history, sample.facts)

    def _by_trees(self, trees: Trees, pool: Pool, group: Group) -> Totals:
        sample, totals = self._last.sample, np.zeros(pool.cols.shape)
        totals[pool.cols >= 0] = trees.scores(features(pool, group.rows, sample.history, sample.facts))
        return totals

    def _alone(self, place: int, group: Group) -> Scores:
        pool = group.of([place])
        return scored(pool, pool.z[0], group.hidden, self._options.k)

    def _popular(self) -> Scores:
        sample, group = self._last.sample, self._reporting
        found = first_unplayed(popular_order(sample.facts.listeners), sample.data.plays[group.rows], self._options.k)
        hits = is_hit(found, group.hidden)
        return Scores(precision(hits), ndcg(hits, np.diff(group.hidden.indptr)))

    def _pool(self, ensemble: Ensemble, group: Group) -> Pool:
        return group.of(self._of(ensemble))

    def _of(self, ensemble: Ensemble) -> list[int]:
        """Places of its components, ALS first."""
        return [0, *(place for name in ensemble.parts for place in self._places[name])]


def is_near(one: Values, best: Values) -> bool:
    """Whether it scores at most one standard error of their paired difference less than the best."""
    pair = paired_difference(one, best)
    return bool(pair["difference"] >= -(pair["standard_error"] or 0.0))


def _without(parts: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(each for each in parts if each != name)


def _row(lists: str, scores: Scores, als: Scores, chosen: bool = False) -> Row:
    return Row(lists, means(scores), gains(scores, als), chosen)
