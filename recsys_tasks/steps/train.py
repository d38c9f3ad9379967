"""Train on the day without its hidden plays, from yesterday's factors where they may be used.

Yesterday is the newest date before that is not quarantined.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from threadpoolctl import threadpool_limits

from recsys_tasks.core.domain import Day, Figures, PlayMatrix, day_number
from recsys_tasks.gate.rules import INCUMBENT, POOLED
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.base import Parent, Progress, TrainingData
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.keys import ModelKey, StoredModel, model_to_begin_with, model_to_reuse
from recsys_tasks.release.bundles import GATED
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.remaining import Remaining
from recsys_tasks.steps.results import Trained
from recsys_tasks.steps.train_components import train_beside, train_on_als
from recsys_tasks.steps.trainers import trainer_of
from recsys_tasks.steps.training_day import TrainingDay
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.scratch import scratch_in


def train_als(at: Workplace, day: Day, split: str, cold_start: bool = False) -> Trained:
    """Store the factors of a split, and the components beside ALS where the configuration names any.

    Args:
        at: store and configuration.
        day: newest date of the matrix.
        split: digest of the day's split.
        cold_start: begin from drawn factors although yesterday's could be used.

    Raises:
        NotStored: there is no such split, or no snapshot of the catalogue that a component needs.
        BadData: nothing to train on, or the factors become infinite.
        CorruptArtefact: the matrix, the split or the parent differs from its manifest.
        ConfigError: what the trainer needs is not on this machine.
        TrainerUnavailable: the Spark or the device that trains broke off.
    """
    als = Als(at.config.als, trainer_of(at.config, at.store.workspace))
    wanted = ModelKey(day, at.splits.key(day, split).matrix, split, als.name, parent=None, **als.identity())
    of = TrainingDay(at, wanted)
    with threadpool_limits(limits=1, user_api="blas"):
        digest = None if cold_start else model_to_reuse(wanted, at.models.of(day), _published_models(at))
        if digest is not None:
            train_beside(of)
            at.progress(f"the model of {day} is stored already")
        else:
            digest = _trained(of, als, cold_start)
        train_on_als(of, digest)
    figures = at.models.figures(day, digest)
    iterations = "1 iteration" if figures.iterations == 1 else f"{figures.iterations} iterations"
    begun = "yesterday's factors" if figures.warm else "a cold start"
    at.progress(f"model of {day}: {iterations} from {begun}, loss {figures.losses[-1]:.6g}")
    return Trained(day, digest, figures.iterations, figures.warm)


def _published_models(at: Workplace) -> list[str]:
    """Digests of the models of all releases whose bundle is still there, newest first."""
    entries = reversed(at.releases.log().entries)
    stored = [entry.candidate for entry in entries if at.bundles.holds(entry.candidate, GATED)]
    return [digest for candidate in stored for digest in at.bundles.key(candidate).components]


def _trained(of: TrainingDay, als: Als, cold_start: bool) -> str:
    """Train the components beside ALS, then ALS, and store them; the digest of its model. Both at once are no sooner
    done, for each takes all cores, and hold twice the memory."""
    at, wanted, matrix, day = of.at, of.als, of.matrix, of.als.day
    cold = cold_start or not als.starts_warm or _is_cold_date(at, day)
    parent = None if cold else _parent(at, wanted, matrix)
    key = replace(wanted, parent=parent.digest if parent else None)
    with ThreadPoolExecutor(1) as beside:
        opening = beside.submit(_opened, at, als, parent)
        train_beside(of)
    if not at.models.holds(day, key.digest):
        if not als.starts_warm:
            at.progress(
                f"{at.config.als.backend} trains {at.config.als.max_iterations} iterations, and tells of the last"
            )
        with at.store.workspace() as folder:
            data = TrainingData(of.training, matrix.users, matrix.tracks, scratch=scratch_in(folder))
            fit = als.fit(data, opening.result(), _progress(at))
        of.store(key, fit.component.files(), fit.figures)
    return key.digest


def _progress(at: Workplace) -> Progress:
    """Says after each iteration how far the training is."""
    remaining = Remaining(at.config.als.max_iterations)
    return lambda done, loss: at.progress(f"iteration {remaining.after(done)} at the most: loss {loss:.6g}")


def _is_cold_date(at: Workplace, day: Day) -> bool:
    every = at.config.als.cold_start_every_days
    return every > 0 and day_number(day) % every == 0


def _parent(at: Workplace, wanted: ModelKey, matrix: PlayMatrix) -> StoredModel | None:
    """The model that the training begins with: yesterday's; None: a cold start.

    Quarantined dates are stepped over, and so are dates whose candidate was refused for what it is: neither its loss is
    passed on, nor is a cold start needed for it.
    """
    digests = chain_digests(matrix.chain)
    for (yesterday, _), prefix in reversed(list(zip(matrix.chain, digests, strict=True))[:-1]):
        models, refused = at.models.of(yesterday), _refused(at, yesterday)
        found = model_to_begin_with(wanted, prefix, models, refused, _published_models(at))
        if found is not None or not (refused or at.quarantine.find(yesterday)):
            return next((model for model in models if model.digest == found), None)
    return None


def _refused(at: Workplace, day: Day) -> set[str]:
    """Digests of the models of a date whose candidate the gate blocked, or held as worse, and that nobody released."""
    log = at.releases.log()
    verdicts = [(at.judgements.key(each), at.judgements.verdict_figures(each)) for each in at.judgements.of(day)]
    return {
        digest
        for key, verdict in verdicts
        if _is_worse(verdict) and log.published(key.candidate) is None
        for digest in key.components
    }


def _is_worse(verdict: Figures) -> bool:
    """Whether a stored verdict refuses a candidate for what it is, and not for its day or for too few listeners."""
    outcome, rule = verdict.get("outcome"), verdict.get("figures", {}).get("rule")
    return outcome == "BLOCK" or (outcome == "HOLD" and rule in (INCUMBENT, POOLED))


def _opened(at: Workplace, als: Als, parent: StoredModel | None) -> Parent[Factors] | None:
    """The parent with its vocabularies; None where there is none."""
    if parent is None:
        return None
    component = als.open(arrays_of(at.models.load(parent.key.day, parent.digest)))
    return Parent(component, *at.matrices.vocabularies(parent.key.day, parent.key.matrix))
