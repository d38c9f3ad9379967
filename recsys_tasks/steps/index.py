"""Build the part of a candidate that the gate judges, and the names beside it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import Day, PlayMatrix, Vocabulary
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.formatting import count
from recsys_tasks.index.annoy_index import INDEX_FORMAT, build_trees, open_index
from recsys_tasks.index.calibration import choose_parameters, sampled_queries
from recsys_tasks.index.exact_neighbours import ExactNeighbours
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.matrix.play_matrix import pad
from recsys_tasks.matrix.popularity import listeners_of, plays_of
from recsys_tasks.matrix.split import Split, trained_plays
from recsys_tasks.recommenders.neighbours import SIMILAR
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import CONTENT
from recsys_tasks.release.bundles import GATED, NAMES
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.steps.beside import catalogue_of, items_for, snapshot_of
from recsys_tasks.steps.cold_tracks import cold_key
from recsys_tasks.steps.components import Extras, components_and_blend, open_extras
from recsys_tasks.steps.results import Built
from recsys_tasks.steps.stored_models import OpenedModel, open_model, split_of
from recsys_tasks.steps.words import search_in_words
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.artefacts import LocalFile
from recsys_tasks.storage.stored_forms import as_ids, vocabulary_table


def build_index(at: Workplace, day: Day, model: str) -> Built:
    """Store the gated part and the names of the candidate that a model makes.

    Raises:
        BadData: no track has a factor.
        CorruptArtefact: the matrix or the model differs from its manifest.
        NotStored: there is a catalogue, and no snapshot of it was taken for the day; or a component was not trained.
    """
    components, blend = components_and_blend(at, day, model)
    key = CandidateKey(
        day=day,
        matrix=at.models.key(day, model).matrix,
        components=components,
        blend=blend,
        catalogue=snapshot_of(at, day),
        index=at.config.index.model_dump(),
        growing=INDEX_FORMAT,
        cold=None if (cold := cold_key(at, day, model)) is None else cold.digest,
    )
    candidate = key.digest
    if at.bundles.holds(candidate, GATED) and at.bundles.holds(candidate, NAMES):
        at.progress(f"candidate {candidate[:12]} is stored already")
    else:
        _build(at, key)
    figures = at.bundles.manifest(candidate).figures
    tracks = f"{count(figures['indexed'])} tracks"
    at.progress(f"candidate {candidate[:12]} of {day}: {tracks}; {search_in_words(figures['effort'])}")
    return Built(day, candidate, figures["effort"])


def _build(at: Workplace, key: CandidateKey) -> None:
    """Make and store what is missing of a candidate."""
    candidate = key.digest
    with ThreadPoolExecutor(2) as beside:
        loading = beside.submit(at.matrices.load, key.day, key.matrix)
        opening = None if at.bundles.holds(candidate, GATED) else beside.submit(open_extras, at, key)
        model = open_model(at, key.day, key.component)
        matrix = loading.result()
        items = items_for(at, key.day, matrix.tracks, lambda: catalogue_of(at, key.day))
        naming = None if at.bundles.holds(candidate, NAMES) else beside.submit(_names, at, key, matrix, items)
        if opening is not None:
            _save_gated(at, key, matrix, items, split_of(at, model.key, matrix), model, opening.result())
        if naming is not None:
            at.bundles.save(candidate, NAMES, candidate, key.to_json(), {"names": naming.result()})


def _save_gated(
    at: Workplace,
    key: CandidateKey,
    matrix: PlayMatrix,
    items: Vocabulary,
    split: Split,
    model: OpenedModel,
    extras: Extras,
) -> None:
    """Rank the tracks, build the trees, choose the search parameters, store all of it."""
    ranked, config = rank_tracks(extras.item_factors(model.component, len(items))), key.parameters
    if not len(ranked):
        raise BadData("No track has a factor: nothing can be indexed. Look at the model's matrix and parameters.")
    # Annoy lets go of the interpreter, and the exact answers need no index
    with at.store.workspace() as folder, ThreadPoolExecutor(1) as builder:
        file = f"{folder}/index.ann"
        built = builder.submit(build_trees, ranked.ranked_factors, file, config.trees, config.seed)
        exact = _exact_neighbours(ranked, matrix, split, model, key.parameters)
        built.result()
        parameters = choose_parameters(ranked, open_index(file, *ranked.ranked_factors.shape), exact, config)
        files = {
            "index.ann": LocalFile(file),
            "rank_cols": ranked.rank_cols,
            "ranked_factors": ranked.ranked_factors,
            "ranked_norms": ranked.ranked_norms,
            "tracks": vocabulary_table(items),
        }
        for similar, names in ((extras.similar, SIMILAR), (extras.content, CONTENT)):
            files |= {} if similar is None else similar.files(names)
        if extras.ranker is not None:
            files |= extras.ranker.files()
        figures = {"indexed": len(ranked), "tracks": len(items), "effort": asdict(parameters)}
        figures |= {"als": model.key.parameters}  # which fold a history in that no training knew
        at.bundles.save(key.digest, GATED, key.digest, key.to_json(), files, figures)


def _exact_neighbours(
    ranked: RankedTracks, matrix: PlayMatrix, split: Split, model: OpenedModel, config: IndexConfig
) -> ExactNeighbours:
    """Exact neighbours of the users and tracks that the search parameters are chosen on.

    What they played is what the model was trained on.
    """
    users = model.component.user_factors
    rows, tracks = sampled_queries(config, users, ranked)
    played = trained_plays(matrix.counts, split, rows)
    return ExactNeighbours.of_ranked(ranked, users[rows], Played(played.indptr, played.indices), tracks, config.k)


def _names(at: Workplace, key: CandidateKey, matrix: PlayMatrix, items: Vocabulary) -> pa.Table:
    """What the day's snapshot says of the items, if there is one; totals and listeners from the matrix.

    Title, artist and release date stand there in any case, another column only where the source has it.
    """
    n_items, names = len(items), {"title": pa.string(), "artist": pa.string(), "released_on": pa.date32()}
    columns = {name: pa.nulls(n_items, kind) for name, kind in names.items()}
    if key.catalogue is not None:
        snapshot = at.catalogues.load(key.day, key.catalogue)
        places = pc.index_in(items.ids, value_set=as_ids(snapshot.column("track_id")))
        said = [name for name in snapshot.column_names if snapshot[name].null_count < len(snapshot)]
        kept = [*names, *(name for name in said if name not in (*names, "track_id", "plays", "listeners"))]
        columns = {name: as_ids(snapshot.column(name)).take(places) for name in kept}
    counts = pad(matrix.counts, (len(matrix.users), n_items))
    return pa.table({**columns, "plays": plays_of(counts), "listeners": listeners_of(counts)})
