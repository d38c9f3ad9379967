"""The trees that put the candidates of a date in order, and what they are told of tracks: kept with the weights."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.domain import Day, IntArray, Vocabulary, day_number
from recsys_tasks.core.records import Json
from recsys_tasks.evaluation.blend_weights import Teachers
from recsys_tasks.evaluation.cold_teaching import LONG_OUT, AsBefore, ColdOdds, cold_odds, cold_totals, new_then
from recsys_tasks.evaluation.lists import played_of
from recsys_tasks.evaluation.ranker_training import fitted_trees
from recsys_tasks.evaluation.traits import numbered
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.base import Arrays, Retriever
from recsys_tasks.recommenders.cold_totals import COLD_TOTALS_FORMAT
from recsys_tasks.recommenders.keys import ModelKey
from recsys_tasks.recommenders.ranker import Ranker, identity
from recsys_tasks.recommenders.ranker_features import TrackFacts
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.repositories.models import arrays_of
from recsys_tasks.steps.beside import snapshot_of
from recsys_tasks.steps.cold_tracks import as_before
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
    cold: Json = {"cold_totals": COLD_TOTALS_FORMAT} if at.config.content.cold_tracks else {}
    return {"ranker": identity(), "catalogue": snapshot_of(at, day)} | cold


def train_ranker(
    of: TrainingDay,
    teachers: Teachers | None,
    components: Mapping[str, Retriever],
    holdout: Holdout,
    cold: ModelKey | None,
) -> Arrays:
    """The files of the trees; none where the weights put the candidates in order, or too few listeners teach.

    Args:
        of: the day.
        teachers: the blend's listeners who teach, and their candidates.
        components: by their labels, blind to the hidden plays; row i answers for the i-th listener of the hold-out.
        holdout: the day as the blend's listeners are asked about it, with a column for each item.
        cold: key of the factors of tracks without plays, which are stored; None: such tracks are not listed.
    """
    at, day = of.at, of.als.day
    if at.config.blend.joined_by != "ranker" or teachers is None:
        return {}
    ages = np.maximum(day_number(day) - of.items.first_days, 0)
    facts = TrackFacts(of.listeners, ages, artists_of(of.catalogue, of.items))
    with ThreadPoolExecutor(1) as beside:
        asking = beside.submit(_cold_odds, of, cold, components, teachers, holdout) if cold else None
        trees = fitted_trees(teachers, list(components), holdout, facts)
    if trees is None:
        at.progress("too few listeners have a hidden play among their candidates to train trees: the weights join them")
        return {}
    at.progress(f"trees of {day} put the candidates in order, taught by {len(teachers.user_rows)} listeners")
    if asking is None:
        return Ranker(trees, facts).files()
    ranked = Ranker(trees, facts).over(tuple(components.values()), played_of(holdout.history), at.config.blend.depth)
    totals = cold_totals(ranked, teachers, asking.result())
    if totals is None:
        at.progress(
            "too few tracks that nobody had played are discovered to say where they belong: trees put them last"
        )
    return Ranker(trees, facts, totals).files()


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


def _cold_odds(
    of: TrainingDay, cold: ModelKey, components: Mapping[str, Retriever], teachers: Teachers, holdout: Holdout
) -> ColdOdds | None:
    """What is taught by tracks that nobody had played before the day, as they were known then: by content alone."""
    out_days = _out_days(of.catalogue, of.items, day_number(cold.day))
    unplayed = new_then(of.items.first_days, out_days, holdout.hidden, day_number(cold.day))
    by_content = {"als": as_before(of, cold, holdout.user_rows, unplayed), "content": components.get("content")}
    before = AsBefore([by_content.get(label) for label in components], out_days, unplayed)
    return cold_odds(teachers, holdout, before, of.at.config.evaluation.k)


def _out_days(catalogue: pa.Table, items: Vocabulary, today: int) -> IntArray:
    """Days from the release of each item to a day; ``LONG_OUT`` where the catalogue does not say. (n_items,)"""
    released = catalogue["released_on"].combine_chunks().take(_rows_of(catalogue, items)).cast(pa.int32())
    return np.asarray(pc.fill_null(pc.subtract(today, released), LONG_OUT)).astype(np.int64)


def artists_of(catalogue: pa.Table | None, items: Vocabulary) -> IntArray:
    """A number for the artist of each item, by id where the catalogue has one; -1 where it names none. (n_items,)."""
    if catalogue is None:
        return np.full(len(items), -1)
    by = "artist_id" if catalogue["artist_id"].null_count < len(catalogue) else "artist"
    return numbered(as_ids(catalogue.column(by)).take(_rows_of(catalogue, items)))


def _rows_of(catalogue: pa.Table, items: Vocabulary) -> pa.Array:
    """The row of each item in a catalogue, null for one that it does not name."""
    return pc.index_in(items.ids, value_set=as_ids(catalogue.column("track_id")))
