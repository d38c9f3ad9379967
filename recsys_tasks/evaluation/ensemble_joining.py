"""Ensembles of the best settings of the components, each learnt once, and what their lists are worth.

They are compared with the same few candidates of each component (``Options.depth``), which are found once. An ensemble
whose trees have more to choose from finds its own, a few listeners at a time: those of all together would not fit.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from recsys_tasks.core.domain import IntArray
from recsys_tasks.evaluation.blend_weights import weights_for
from recsys_tasks.evaluation.ensemble_data import Group
from recsys_tasks.evaluation.ensemble_parts import fitted
from recsys_tasks.evaluation.ensemble_rounds import Halved, Options, Totals, scored
from recsys_tasks.evaluation.lists import is_hit
from recsys_tasks.evaluation.metrics import ndcg, precision
from recsys_tasks.evaluation.ranker_training import AT_ONCE, Taught, trees_for, trees_of
from recsys_tasks.evaluation.tuning_scores import Scores
from recsys_tasks.matrix.popularity import first_unplayed, popular_order
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import weighted_sum
from recsys_tasks.recommenders.pools import Pool, pool_of
from recsys_tasks.recommenders.ranker import Ranked, Trees
from recsys_tasks.recommenders.ranker_features import features

ALONE = "ALS alone"


class Ensemble(NamedTuple):
    """Names of the parts beside ALS, and what puts their candidates in order."""

    parts: tuple[str, ...] = ()
    ranked: bool = False
    depth: int = 0  # candidates of each component; 0: as many as all ensembles are compared with

    @property
    def cost(self) -> tuple[bool, int, int]:
        """The simpler one has less."""
        return self.ranked, len(self.parts), self.depth

    @property
    def joined_by(self) -> str:
        """How, in words."""
        return f"by {'trees' if self.ranked else 'weights'}"

    def __str__(self) -> str:
        """In words."""
        if not self.parts:
            return ALONE
        of_each = f", {self.depth} candidates of each" if self.depth else ""
        return f"ALS, {', '.join(self.parts)}, {self.joined_by}{of_each}"


class Joining:
    """The parts, and every ensemble that is asked for."""

    def __init__(self, last: Halved, options: Options) -> None:
        """The candidates of all listeners who are asked are found."""
        self._sample, self._options = last.sample, options
        components: dict[str, Retriever] = {"als": last.als}
        self._places: dict[str, list[int]] = {}  # of the components of each part
        for name, part in last.settings.items():
            own = fitted(part, last.sample)
            self._places[name] = list(range(len(components), len(components) + len(own)))
            components |= own
        self.labels, self._components = list(components), list(components.values())
        self._fitting, self._validation, self._reporting = (
            Group.asked(self._components, last.sample, rows, options.depth)
            for rows in (last.sample.fitting, last.sample.validation, last.sample.reporting)
        )
        self._learnt: dict[Ensemble, Trees | tuple[float, ...]] = {}
        self._scores_of: dict[tuple[Ensemble, bool], Scores] = {}

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts beside ALS."""
        return tuple(self._places)

    def validated(self, ensemble: Ensemble) -> Scores:
        """What its lists are worth to the listeners of validation."""
        return self._scores(ensemble, self._validation)

    def reported(self, ensemble: Ensemble) -> Scores:
        """What they are worth to the reporting listeners."""
        return self._scores(ensemble, self._reporting)

    def alone(self, place: int) -> Scores:
        """What the lists of a component are worth to the reporting listeners. place: of its label."""
        pool = self._reporting.of([place])
        return scored(pool, pool.z[0], self._reporting.hidden, self._options.k)

    def popular(self) -> Scores:
        """What lists of the popular tracks are worth to them."""
        sample, group = self._sample, self._reporting
        found = first_unplayed(popular_order(sample.facts.listeners), sample.heard[group.rows], self._options.k)
        return _worth(found, group)

    def has_trees(self, ensemble: Ensemble) -> bool:
        """Whether trees put its candidates in order; where too few teach, its weights do."""
        return isinstance(self._learning(ensemble), Trees)

    def _scores(self, ensemble: Ensemble, group: Group) -> Scores:
        asked = ensemble, group is self._validation
        if asked not in self._scores_of:
            self._scores_of[asked] = self._deep(ensemble, group) if ensemble.depth else self._shallow(ensemble, group)
        return self._scores_of[asked]

    def _shallow(self, ensemble: Ensemble, group: Group) -> Scores:
        """Of the candidates that are there already."""
        pool, learnt = group.of(self._of(ensemble)), self._learning(ensemble)
        totals = weighted_sum(pool.z, learnt) if not isinstance(learnt, Trees) else self._by_trees(learnt, pool, group)
        return scored(pool, totals, group.hidden, self._options.k)

    def _deep(self, ensemble: Ensemble, group: Group) -> Scores:
        """Of candidates of its own."""
        sample, learnt = self._sample, self._learning(ensemble)
        assert isinstance(learnt, Trees)  # noqa: S101 - as of every ensemble with a depth
        ranked = Ranked(self._retrievers(ensemble), learnt, sample.facts, sample.history, ensemble.depth)
        return _worth(ranked.candidates(group.rows, sample.history.rows(group.rows), self._options.k).cols, group)

    def _learning(self, ensemble: Ensemble) -> Trees | tuple[float, ...]:
        """Weights or trees of an ensemble, learnt where it is first asked for; weights where too few teach trees."""
        if ensemble not in self._learnt:
            self._learnt[ensemble] = self._learn(ensemble)
        return self._learnt[ensemble]

    def _learn(self, ensemble: Ensemble) -> Trees | tuple[float, ...]:
        sample, group, labels = self._sample, self._fitting, [self.labels[place] for place in self._of(ensemble)]
        if ensemble.depth:
            trees = trees_of(self._taught(ensemble), labels, sample.history, sample.facts)
            assert trees is not None  # noqa: S101 - with more candidates no fewer listeners teach
            return trees
        pool = group.of(self._of(ensemble))
        taught = pool, group.hidden, group.rows, labels, sample.history, sample.facts
        return (trees_for(*taught) if ensemble.ranked else None) or weights_for(pool, group.hidden, self._options.k)

    def _taught(self, ensemble: Ensemble) -> Iterator[Taught]:
        """The fitting listeners with candidates of the ensemble's own, some at a time."""
        retrievers, group = self._retrievers(ensemble), self._fitting
        for start in range(0, len(group.rows), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            rows = group.rows[some]
            pool = pool_of(retrievers, rows, self._sample.history.rows(rows), ensemble.depth)
            yield pool, group.hidden[some], rows

    def _by_trees(self, trees: Trees, pool: Pool, group: Group) -> Totals:
        sample, totals = self._sample, np.zeros(pool.cols.shape)
        totals[pool.cols >= 0] = trees.scores(features(pool, group.rows, sample.history, sample.facts))
        return totals

    def _of(self, ensemble: Ensemble) -> list[int]:
        """Places of its components, ALS first."""
        return [0, *(place for name in ensemble.parts for place in self._places[name])]

    def _retrievers(self, ensemble: Ensemble) -> tuple[Retriever, ...]:
        return tuple(self._components[place] for place in self._of(ensemble))


def _worth(found: IntArray, group: Group) -> Scores:
    """Scores of the lists of a group. found: (n_users, k) columns."""
    hits = is_hit(found.astype(np.int64), group.hidden)
    return Scores(precision(hits), ndcg(hits, np.diff(group.hidden.indptr)))
