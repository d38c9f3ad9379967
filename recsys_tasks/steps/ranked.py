"""The trees that put the candidates of a date in order, and what they are told of tracks: kept with the weights."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Day, IntArray, Vocabulary, day_number
from recsys_tasks.core.records import Json
from recsys_tasks.evaluation.blend_weights import Teachers
from recsys_tasks.evaluation.ranker_training import fitted_trees
from recsys_tasks.evaluation.traits import numbered
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Arrays
from recsys_tasks.recommenders.ranker import Ranker, identity
from recsys_tasks.recommenders.ranker_features import TrackFacts
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.beside import snapshot_of
from recsys_tasks.steps.training_day import TrainingDay
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.stored_forms import as_ids


def ranker_identity(at: Workplace, day: Day) -> Json:
    """What decides the trees beside the components; nothing where the weights put the candidates in order.

    Raises:
        ConfigError: LightGBM is not installed.
    """
    if at.config.blend.joined_by != "ranker":
        return {}
    return {"ranker": identity(), "catalogue": snapshot_of(at, day)}


def train_ranker(of: TrainingDay, teachers: Teachers | None, labels: list[str], holdout: Holdout) -> Arrays:
    """The files of the trees; none where the weights put the candidates in order, or too few listeners teach.

    Args:
        of: the day.
        teachers: the blend's listeners who teach, and their candidates.
        labels: names of the components.
        holdout: the day as the blend's listeners are asked about it, with a column for each item.
    """
    at, day = of.at, of.als.day
    if at.config.blend.joined_by != "ranker" or teachers is None:
        return {}
    ages = np.maximum(day_number(day) - of.items.first_days, 0)
    facts = TrackFacts(of.listeners, ages, artists_of(of.catalogue, of.items))
    trees = fitted_trees(teachers, labels, holdout, facts)
    if trees is None:
        at.progress("too few listeners have a hidden play among their candidates to train trees: the weights join them")
        return {}
    at.progress(f"trees of {day} put the candidates in order, taught by {len(teachers.user_rows)} listeners")
    return Ranker(trees, facts).files()


def trained_ranker(at: Workplace, key: CandidateKey) -> Ranker | None:
    """The trees that were trained for a candidate; None where weights put its candidates in order.

    Raises:
        CorruptArtefact: a file differs from its manifest.
        BadData: its files do not fit together.
    """
    if not key.blend.trees:
        return None
    artefact = at.models.load(key.day, key.blend.trees)
    with artefact.named():
        return Ranker.of(arrays_of(artefact))


def artists_of(catalogue: pa.Table | None, items: Vocabulary) -> IntArray:
    """A number for the artist of each item, by id where the catalogue has one; -1 where it names none. (n_items,)."""
    if catalogue is None:
        return np.full(len(items), -1)
    by = "artist_id" if catalogue["artist_id"].null_count < len(catalogue) else "artist"
    places = pc.index_in(items.ids, value_set=as_ids(catalogue.column("track_id")))
    return numbered(as_ids(catalogue.column(by)).take(places))
