"""Published releases as evaluated models: the incumbent, one of a week before, and the reference of slow drift."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.domain import Day, PlayMatrix, Vocabulary
from recsys_tasks.core.errors import UnknownId
from recsys_tasks.core.lookup import places_in
from recsys_tasks.evaluation.lists import EvaluatedModel, played_of, translated
from recsys_tasks.matrix.split import Holdout
from recsys_tasks.recommenders.recent import RecentPlays
from recsys_tasks.release.bundle import GatedPart, Listeners, names_in, open_gated, open_users
from recsys_tasks.release.bundles import GATED, NAMES, USERS
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.steps.components import Extras, open_recent
from recsys_tasks.steps.joined_alike import Components
from recsys_tasks.steps.stored_models import recommender_of
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.artefacts import Artefact

EARLIER_DAYS = 7
"""Age of the release that evidence of several days is measured against: a week, so that weekdays weigh nothing."""
Parts: TypeAlias = Mapping[str, Artefact]


def incumbent_of(at: Workplace, log: ReleaseLog, day: Day) -> Entry | None:
    """The live release, or, where that has seen the day's hidden plays, the newest stored one that has not."""
    if log.live is None or log.live.day < day:
        return log.live
    return next((entry for entry in log.before(day) if at.bundles.holds(entry.candidate)), None)


def reference_of(at: Workplace, log: ReleaseLog, day: Day) -> Entry | None:
    """The release of ``drift.reference_release``, where it exists, is still stored, and has not seen the day."""
    try:
        entry = log.release(at.config.drift.reference_release)
    except UnknownId:
        return None
    return entry if entry.day < day and _is_stored(at, entry) else None


def earlier_of(at: Workplace, log: ReleaseLog, day: Day) -> Entry | None:
    """The newest release whose data end ``EARLIER_DAYS`` before a date or more, and which is still stored."""
    old_enough = log.before(day - timedelta(days=EARLIER_DAYS - 1))
    return next((entry for entry in old_enough if _is_stored(at, entry)), None)


def _is_stored(at: Workplace, entry: Entry) -> bool:
    """Whether a release can be asked with listeners folded in anew: its bundle is there, and its models are."""
    if not at.bundles.holds(entry.candidate):
        return False
    key = at.bundles.key(entry.candidate)
    return all(at.models.holds(key.day, model) for model in key.models)


def verified(at: Workplace, incumbent: Entry | None, reference: Entry | None) -> tuple[Parts | None, Parts | None]:
    """The parts of both releases, None for one that there is not.

    Raises:
        CorruptArtefact: a release differs from what was stored.
    """
    live = at.bundles.verify(incumbent) if incumbent else None
    if incumbent and reference and reference.parts == incumbent.parts:
        return live, live
    return live, at.bundles.verify(reference, only=(GATED, NAMES)) if reference else None


def incumbent_model(
    parts: Parts, matrix: PlayMatrix, items: Vocabulary, rows: npt.NDArray[np.int64], components: Components
) -> EvaluatedModel:
    """A published release as its readers ask it: with the user vectors that it was published with.

    Args:
        parts: of its bundle, verified.
        matrix: the candidate's.
        items: the candidate's.
        rows: (n_hidden,) rows of the hidden listeners in it.
        components: the candidate's.
    """
    users = open_users(parts[USERS])
    own_rows = places_in(users.ids, matrix.users.ids.take(rows))
    vectors = np.zeros((len(rows), users.vectors.shape[1]), dtype=np.float32)
    vectors[own_rows >= 0] = users.vectors[own_rows[own_rows >= 0]]
    listeners = Listeners(vectors, users.asking.played.rows(own_rows), users.recent)
    return _evaluated(parts, open_gated(parts[GATED]), items, listeners, components)


def reference_model(
    at: Workplace,
    parts: Parts,
    items: Vocabulary,
    holdout: Holdout,
    extras: Extras,
    components: Components | None = None,
) -> EvaluatedModel:
    """A release whose track factors stay as they were, and whose users are folded in from all plays before the day.

    With the user vectors of its own day it would grow worse by itself, and hide a decline of the candidates. So it
    would with the recent plays of its own day: it gets those of the candidate, where that has the same half-life.

    Args:
        at: where its models are.
        parts: of its bundle, verified.
        items: the candidate's.
        holdout: the day, with a column for each of them.
        extras: the candidate's components beside ALS.
        components: all of them, where they are to be joined as this release joins its own.

    Raises:
        CorruptArtefact: its model differs from what was stored.
    """
    gated = open_gated(parts[GATED])
    key, own_cols, n_own = gated.key, gated.tracks.rows_of(items.ids), len(gated.tracks)
    model = at.models.load(key.day, key.component, only=("item_factors",))
    with model.named():
        item_factors = model.array("item_factors")
    history = translated(holdout.history, own_cols, n_own, keep_plays=True)
    heard = history[:, : len(item_factors)]  # listeners are learned from the tracks that ALS knows
    vectors = recommender_of(at.models.key(key.day, key.component)).user_vectors(heard, item_factors)
    recent = tuple(
        _translated(extras.recent[counting].before, own_cols, n_own)
        if counting in extras.recent
        else own.widened(n_own)
        for counting, own in open_recent(at, key).items()
    )
    return _evaluated(parts, gated, items, Listeners(vectors, played_of(history), recent), components)


def _translated(plays: RecentPlays, own_cols: npt.NDArray[np.int64], n_own: int) -> RecentPlays:
    """Recent plays in the columns of another matrix, tracks that it does not know left out."""
    sums = np.zeros(n_own)
    sums[own_cols[own_cols >= 0]] = plays.sums[own_cols >= 0]
    return RecentPlays(sums, sums, plays.n_users)


def _evaluated(
    parts: Parts, gated: GatedPart, items: Vocabulary, listeners: Listeners, components: Components | None
) -> EvaluatedModel:
    own_cols = gated.tracks.rows_of(items.ids)
    popular = names_in(parts[NAMES]).popular
    alike = None if components is None else components.alike(gated)
    return EvaluatedModel(gated.retriever(listeners), popular, own_cols, len(gated.tracks), alike)
