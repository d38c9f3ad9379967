"""Build the part of a candidate that the gate judges, and the names beside it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import Day, PlayMatrix
from recsys_tasks.core.errors import BadData, NotStored
from recsys_tasks.core.formatting import count
from recsys_tasks.index.annoy_index import INDEX_FORMAT, build_trees, open_index
from recsys_tasks.index.calibration import choose_parameters, sampled_queries
from recsys_tasks.index.exact_neighbours import ExactNeighbours
from recsys_tasks.index.ranked_tracks import RankedTracks, rank_tracks
from recsys_tasks.matrix.popularity import listeners_of, plays_of
from recsys_tasks.matrix.split import Split, trained_plays
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundles import GATED, NAMES
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.source.catalogue import catalogue_rule
from recsys_tasks.steps.components import joined, open_extras
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
    components, blend = joined(at, day, model)
    key = CandidateKey(
        day=day,
        matrix=at.models.key(day, model).matrix,
        components=components,
        blend=blend,
        catalogue=_snapshot(at, day),
        index=at.config.index.model_dump(),
        growing=INDEX_FORMAT,
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


def _snapshot(at: Workplace, day: Day) -> str | None:
    """Digest of the day's catalogue snapshot; None where there is no catalogue."""
    if at.config.catalogue is None:
        return None
    found = at.catalogues.find(day, catalogue_rule(at.config.catalogue))
    if found is None:
        raise NotStored(f"No snapshot of the catalogue was taken for {day}. Run extract_streams for it.")
    return found


def _build(at: Workplace, key: CandidateKey) -> None:
    """Make and store what is missing of a candidate."""
    candidate = key.digest
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(at.matrices.load, key.day, key.matrix)
        model = open_model(at, key.day, key.component)
        matrix = loading.result()
        naming = None if at.bundles.holds(candidate, NAMES) else beside.submit(_names, at, key, matrix)
        if not at.bundles.holds(candidate, GATED):
            _save_gated(at, key, matrix, split_of(at, model.key, matrix), model)
        if naming is not None:
            at.bundles.save(candidate, NAMES, candidate, key.to_json(), {"names": naming.result()})


def _save_gated(at: Workplace, key: CandidateKey, matrix: PlayMatrix, split: Split, model: OpenedModel) -> None:
    """Rank the tracks, build the trees, choose the search parameters, store all of it."""
    ranked, config = rank_tracks(model.component.item_factors), key.parameters
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
            "tracks": vocabulary_table(matrix.tracks),
        }
        if (similar := open_extras(at, key).similar) is not None:
            files |= similar.files()
        figures = {"indexed": len(ranked), "tracks": len(matrix.tracks), "effort": asdict(parameters)}
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


def _names(at: Workplace, key: CandidateKey, matrix: PlayMatrix) -> pa.Table:
    """What the day's snapshot says of the tracks, if there is one; totals and listeners from the matrix.

    Title, artist and release date stand there in any case, another column only where the source has it.
    """
    n_tracks, names = len(matrix.tracks), {"title": pa.string(), "artist": pa.string(), "released_on": pa.date32()}
    columns = {name: pa.nulls(n_tracks, kind) for name, kind in names.items()}
    if key.catalogue is not None:
        snapshot = at.catalogues.load(key.day, key.catalogue)
        places = pc.index_in(matrix.tracks.ids, value_set=as_ids(snapshot.column("track_id")))
        said = [name for name in snapshot.column_names if snapshot[name].null_count < len(snapshot)]
        kept = [*names, *(name for name in said if name not in (*names, "track_id", "plays", "listeners"))]
        columns = {name: as_ids(snapshot.column(name)).take(places) for name in kept}
    return pa.table({**columns, "plays": plays_of(matrix.counts), "listeners": listeners_of(matrix.counts)})
