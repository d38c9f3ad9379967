"""Score a candidate beside the incumbent, the reference and the popular tracks.

A judgement is a candidate against an incumbent; its figures are stored, and the first stored ones win: a rerun returns
them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from recsys_tasks.core.domain import Day, Figures, day_number
from recsys_tasks.core.formatting import count
from recsys_tasks.core.records import Json, as_json
from recsys_tasks.evaluation.beyond_accuracy import beyond_accuracy
from recsys_tasks.evaluation.cold_tracks import ColdRow, cold_rows, content_retrievers, new_tracks
from recsys_tasks.evaluation.compared import LongLists
from recsys_tasks.evaluation.each_component import ComponentRow, each_component
from recsys_tasks.evaluation.evaluated_models import Evaluation, evaluate_models
from recsys_tasks.evaluation.joined_later import JoinedLater, joined_later
from recsys_tasks.evaluation.lists import EvaluatedModel, Lists, played_of
from recsys_tasks.evaluation.samples import samples
from recsys_tasks.evaluation.traits import traits_of
from recsys_tasks.gate.exact_checks import check_sizes
from recsys_tasks.index.recall import Recall
from recsys_tasks.matrix.chain import Chain
from recsys_tasks.matrix.split import thin_share
from recsys_tasks.recommenders.popular import PopularTracks
from recsys_tasks.release.bundle import Listeners
from recsys_tasks.release.bundles import GATED, NAMES
from recsys_tasks.release.judgements import SAMPLES, Judgement, judgement_of
from recsys_tasks.release.keys import JudgementKey
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.release.series import past_days, series
from recsys_tasks.steps.joined_alike import Components, lacking
from recsys_tasks.steps.opened_candidate import Opened, checks_of, open_candidate, recall_of
from recsys_tasks.steps.released_models import (
    Parts,
    earlier_of,
    incumbent_model,
    incumbent_of,
    reference_model,
    reference_of,
    verified,
)
from recsys_tasks.steps.results import Evaluated
from recsys_tasks.steps.stored_models import split_settings_of
from recsys_tasks.steps.words import scores_in_words
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.stored_forms import NO_PLAYS

NEW_TRACK_DAYS = 7
"""A track that was first heard within so many days is new."""
PAST_DAYS = 56
"""Judged dates before the day that a judgement keeps: a policy may hold the day against fewer of them."""
NO_INCUMBENT = "there is no release to compare with"
NOT_COMPARABLE = "NOT COMPARABLE: every release that is still there has seen this day's hidden plays"


def evaluate(at: Workplace, day: Day, candidate: str) -> Evaluated:
    """Store the figures of a candidate against the incumbent of this moment, unless it has been judged already.

    Raises:
        CorruptArtefact: the candidate or the incumbent differs from what was stored.
    """
    incumbent = incumbent_of(at, at.releases.log(), day)
    judgement = judgement_of(day, candidate, incumbent.candidate if incumbent else None)
    judged = at.judgements.of(day, candidate)
    if judged and judgement not in judged:
        judgement = max(judged, key=at.judgements.written_at)
    if judgement in judged:
        at.progress(f"candidate {candidate[:12]} has been evaluated already")
    else:
        evaluate_against(at, day, candidate, incumbent)
    figures = at.judgements.load(judgement).figures
    models = [who for who in ("candidate", "incumbent", "popularity") if f"{who}_precision" in figures]
    precision = {who: figures[f"{who}_precision"]["mean"] for who in models}
    compared, k = at.judgements.key(judgement).incumbent_release, at.config.evaluation.k
    at.progress(f"{count(figures['users'])} listeners scored, {scores_in_words(precision, k, compared)}")
    return Evaluated(day, candidate, judgement.name, precision)


def evaluate_against(at: Workplace, day: Day, candidate: str, incumbent: Entry | None) -> Judgement:
    """Evaluate a candidate against one incumbent, and store the figures."""
    log = at.releases.log()
    reference, earlier = reference_of(at, log, day), earlier_of(at, log, day)
    part = at.bundles.gated(candidate)
    # Scores, recall and loss beside, the other checks here: none needs anything of another. BLAS is bounded around all:
    # its threads are the process's, and whichever ended first would give the others more in the middle of their work.
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(3) as beside:
        verifying = beside.submit(verified, at, incumbent, reference)
        opened = open_candidate(at, part, beside)
        sizes = opened.gated.tracks, opened.matrix, opened.model.component, opened.items
        check_sizes(*sizes)  # scoring would read beyond the ends
        scoring = beside.submit(_scored, at, day, opened, *verifying.result(), earlier)
        measuring = beside.submit(recall_of, at, opened)
        checks = checks_of(at, opened, measuring, beside)
        cold = _cold_tracks(opened, at.bundles.names(candidate).table, at.config.evaluation.k)
        parts = _each_component(opened, at.config.evaluation.k, lambda: scoring.result()[0].lists["candidate"])
        result, later = scoring.result()
    evaluation = {"k": at.config.evaluation.k} | split_settings_of(at, opened.model.key)
    key = JudgementKey(
        day=day,
        candidate=candidate,
        components=opened.gated.key.components,
        incumbent=incumbent.candidate if incumbent else None,
        incumbent_release=incumbent.release if incumbent else None,
        no_incumbent="" if incumbent else _no_incumbent(log),
        reference=reference.candidate if reference else None,
        reference_release=reference.release if reference else None,
        evaluation=evaluation,
        earlier_release=earlier.release if earlier and "earlier_evidence" in result.per_user else None,
    )
    figures = result.figures | _of_the_day(day, opened, measuring.result(), evaluation.get("min_history", 1))
    before = [row for row in series(at.store, day) if row["day"] < day.isoformat()]
    figures |= {
        "past": [each.to_json() for each in past_days(before, PAST_DAYS)],
        "checks": [asdict(check) for check in checks],
        "data_checks": _data_checks(at, day, opened.matrix.chain),
    }
    names = at.bundles.names(candidate).table
    figures |= beyond_accuracy(result.lists, opened.asked, result.scored, traits_of(names))
    if parts:
        figures["components"] = [as_json(row) for row in parts]
    if later is not None:
        figures["joined_later"] = as_json(later)
    if incumbent and (lacks := lacking(at, opened.gated.key, at.bundles.key(incumbent.candidate))):
        figures["flattered"] = lacks
    if opened.gated.ranker is not None:
        figures["importances"] = opened.gated.ranker.trees.importances()
    if cold:
        figures["cold_tracks"] = [as_json(row) for row in cold]
    if without := _left_out(at, opened.matrix.chain):
        figures["quarantined"] = without
    tables = {
        "per_user": pa.table(result.per_user),
        SAMPLES: samples(opened.asked, result, names, opened.items.ids),
    }
    judgement = judgement_of(day, candidate, key.incumbent)
    at.judgements.save_figures(judgement, key, tables, figures)
    return judgement


def _data_checks(at: Workplace, day: Day, chain: Chain) -> list[Json]:
    """What the check of the day's streams found, as check_data kept it."""
    found = at.checked.found(day, chain[-1][1])
    if found is None:
        at.progress(f"nothing is kept of what check_data found in the streams of {day}")
    return [as_json(check) for check in found or ()]


def _left_out(at: Workplace, chain: Chain) -> list[str]:
    """The quarantined dates that a matrix was folded without, each with its reasons in words."""
    empty = [date for date, partition in chain if partition == NO_PLAYS]
    return [str(found) for date in empty if (found := at.quarantine.find(date))]


def _scored(
    at: Workplace,
    day: Day,
    opened: Opened,
    incumbent: Parts | None,
    reference: Parts | None,
    earlier: Entry | None,
) -> tuple[Evaluation, JoinedLater | None]:
    """Candidate, incumbent and reference, each through its own built index; the earlier one if a day needs it; and what
    joining its components is worth to the incumbent."""
    gated, matrix, holdout, today = opened.gated, opened.matrix, opened.asked, day_number(day)
    own = np.arange(len(gated.tracks))
    policy, asking = at.config.gate, _asking(opened)
    components = Components(at, gated.key, gated.components(asking), asking.played, opened.items)

    def opened_earlier() -> EvaluatedModel | None:
        if earlier is None:
            return None
        parts = at.bundles.verify(earlier, only=(GATED, NAMES))
        found = reference_model(at, parts, opened.items, holdout, opened.extras, components)
        return found if found.alike or not components.are_joined else None

    retriever = gated.joined(components.retrievers, asking.played)
    candidate = EvaluatedModel(retriever, PopularTracks(holdout.listeners, 0), own, len(own))
    live = incumbent_model(incumbent, matrix, opened.items, holdout.user_rows, components) if incumbent else None
    result = evaluate_models(
        holdout,
        candidate,
        live,
        gated.tracks.first_days > today - NEW_TRACK_DAYS,
        at.config.evaluation.k,
        (today - matrix.users.first_days[holdout.user_rows]).astype(np.float64),
        reference_model(at, reference, opened.items, holdout, opened.extras) if reference else None,
        LongLists(policy.evidence_places, policy.fine_error, policy.evidence_users, opened_earlier),
    )
    later = joined_later(live, result.lists["incumbent"], holdout, at.config.evaluation.k) if live else None
    return result, later


def _asking(opened: Opened) -> Listeners:
    """The gate's listeners, as a candidate knows them before it is finished."""
    vectors = opened.model.component.user_factors[opened.holdout.user_rows]
    return Listeners(vectors, played_of(opened.asked.history), opened.extras.before)


def _each_component(opened: Opened, k: int, whole: Callable[[], Lists]) -> list[ComponentRow]:
    """What each component is worth; nothing where ALS stands alone. whole: gives the candidate's lists."""
    blend, asking = opened.gated.key.blend, _asking(opened)
    labels = opened.extras.labels(blend.names)
    return each_component(labels, opened.gated.components(asking), blend, opened.asked, k, whole)


def _cold_tracks(opened: Opened, names: pa.Table, k: int) -> list[ColdRow]:
    """How well content finds what nobody had played; nothing where a candidate knows no content of such tracks."""
    cold, similar, asked = opened.extras.cold, opened.extras.content, opened.asked
    if cold is None or similar is None:
        return []
    users = opened.model.component.user_factors[asked.user_rows]
    new = new_tracks(names, opened.items, asked.listeners, opened.gated.key.day)
    parts = content_retrievers(users, opened.content_means, similar, played_of(asked.history), new.lots)
    return cold_rows(parts, new, asked, k)


def _of_the_day(day: Day, opened: Opened, recall: Recall, min_history: int) -> Figures:
    """What the report tells beside the scores: kept here, for matrix, model and index may be removed one day."""
    today, users, tracks = day_number(day), opened.matrix.users, opened.matrix.tracks
    return {
        "listeners": len(users),
        "tracks": len(tracks),
        "new_listeners": int((users.first_days == today).sum()),
        "new_tracks": int((tracks.first_days == today).sum()),
        "thin_share": round(thin_share(opened.matrix, opened.split, day, min_history), 6),
        "recall": {name: round(value, 6) for name, value in asdict(recall).items()},
        "training": as_json(opened.model.figures),
    }


def _no_incumbent(log: ReleaseLog) -> str:
    return NO_INCUMBENT if log.live is None else NOT_COMPARABLE
