"""Which components are worth their place beside ALS, and how they are joined.

``ensemble_rounds`` finds the best setting of each component. Of these every subset is joined by weights and by trees,
learnt on the fitting listeners. Those of validation choose: the simplest of the ensembles that are within one standard
error of the best (Breiman, Friedman, Olshen and Stone 1984), for each part costs time every day. What it is worth, and
each part of it, is told of the reporting listeners, on whom nothing was chosen; where they do not say that it is better
than ALS alone, ALS stays alone. Where trees were chosen, more candidates are tried by the same rule: they cost time of
every list.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.evaluation.ensemble_data import Material
from recsys_tasks.evaluation.ensemble_joining import ALONE, Ensemble, Joining
from recsys_tasks.evaluation.ensemble_parts import DISCOVERIES, Part, Today
from recsys_tasks.evaluation.ensemble_rounds import Halved, Options, Tried, halved
from recsys_tasks.evaluation.estimates import LEAST_USERS
from recsys_tasks.evaluation.metrics import Values
from recsys_tasks.evaluation.tuning_scores import Gains, Means, Scores, gains, is_near, means


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

    chosen: Ensemble  # what validation preferred, or what is simpler where the reporting listeners do not confirm it
    preferred: Ensemble  # by validation
    depth: int  # candidates of each component of what is chosen
    settings: dict[str, Part]  # the best of each component, chosen or not
    tried: tuple[Tried, ...]
    validation: tuple[tuple[Ensemble, float], ...]  # nDCG@k of each ensemble, best first
    rows: tuple[Row, ...]
    listeners: int  # that the last round was trained on
    asked: tuple[int, int, int]  # listeners: fitting, validation, reporting
    stopped: bool  # the time was up before all listeners took part
    unplayed_share: float = 0.0  # of discoveries: tracks that no list knows, for nobody had played them before


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
    last = halved(material, als, today, options)
    found = _told(last, options, Joining(last, options))
    return replace(found, unplayed_share=material.split.unplayed_share)


def _told(last: Halved, options: Options, joining: Joining) -> TunedComponents:
    """What came of the settings of the last round."""
    every = whole(last)
    shallow = [*ensembles(joining.parts, options.trees and joining.has_trees(Ensemble(every, True)))]
    found = {each: joining.validated(each).ndcg for each in shallow}
    best, preferred = simplest(found)
    chosen, deep = _confirmed(preferred, Ensemble(), joining), list[Ensemble]()
    if joining.has_trees(chosen):
        deep = [chosen._replace(depth=depth) for depth in options.deeper]
        deeper = {each: joining.validated(each).ndcg for each in deep}
        preferred = simplest({chosen: found[chosen]} | deeper)[1]
        chosen, found = _confirmed(preferred, chosen, joining), found | deeper
    means_of = {each: float(scores.mean()) for each, scores in found.items()}
    sample = last.sample
    return TunedComponents(
        chosen=chosen,
        preferred=preferred,
        depth=chosen.depth or options.depth,
        settings=dict(last.settings),
        tried=last.tried,
        validation=tuple(sorted(means_of.items(), key=lambda of: -of[1])),
        rows=tuple(_rows(joining, every, shallow, [preferred._replace(depth=0), *deep], chosen, best.ranked)),
        listeners=len(sample.data.users),
        asked=(len(sample.fitting), len(sample.validation), len(sample.reporting)),
        stopped=last.stopped,
    )


def ensembles(parts: Sequence[str], trees: bool) -> Iterator[Ensemble]:
    """Every one that can be made of the parts, the simplest first. trees: whether they may join them."""
    yield Ensemble()
    for ranked in (False, True) if trees else (False,):
        for n in range(1, len(parts) + 1):
            possible = (some for some in combinations(parts, n) if not {"recent", DISCOVERIES} <= set(some))
            yield from (Ensemble(some, ranked) for some in possible)


def whole(last: Halved) -> tuple[str, ...]:
    """All parts that an ensemble may have together: of the recent plays those that gain more beside ALS."""
    beside_als = {each.name: each.ndcg for each in last.tried if last.settings[each.name] == each.part}
    recent = [name for name in ("recent", DISCOVERIES) if name in beside_als]
    best = max(recent, key=lambda name: beside_als[name], default="")
    return tuple(name for name in last.settings if name not in recent or name == best)


def simplest(found: Mapping[Ensemble, Values]) -> tuple[Ensemble, Ensemble]:
    """The best ensemble by the means of its values, and the simplest that is near to it."""
    best = max(found, key=lambda each: float(found[each].mean()))
    return best, min((each for each in found if is_near(found[each], found[best])), key=lambda each: each.cost)


def _confirmed(preferred: Ensemble, simpler: Ensemble, joining: Joining) -> Ensemble:
    """The preferred one if those on whom nothing was chosen say that it is better, else the simpler one."""
    one, other = joining.reported(preferred), joining.reported(simpler)
    return preferred if len(one.ndcg) >= LEAST_USERS and gains(one, other).ndcg.low > 0 else simpler


def _rows(
    joining: Joining,
    every: tuple[str, ...],
    shallow: Sequence[Ensemble],
    besides: Sequence[Ensemble],
    chosen: Ensemble,
    ranked: bool,
) -> Iterator[Row]:
    """The popular tracks, each component alone, the whole, the whole without each part, and some ensembles besides."""
    als = joining.reported(Ensemble())
    yield _row("the popular tracks", joining.popular(), als)
    yield Row(ALONE, means(als), None, chosen == Ensemble())
    for place, label in enumerate(joining.labels[1:], 1):
        yield _row(f"{label} alone", joining.alone(place), als)
    asked = {str(each): each for each in shallow if each.parts == every}
    fewer = {name: Ensemble(_without(every, name), ranked) for name in every if len(every) > 1}
    asked |= {f"without {name}, {each.joined_by}": each for name, each in fewer.items()}
    asked |= {str(each): each for each in besides if each.parts and each not in asked.values()}
    for words, ensemble in asked.items():
        yield _row(words, joining.reported(ensemble), als, ensemble == chosen)


def _without(parts: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(each for each in parts if each != name)


def _row(lists: str, scores: Scores, als: Scores, chosen: bool = False) -> Row:
    return Row(lists, means(scores), gains(scores, als), chosen)
