"""A stored bundle of components that a benchmark trained, so that its products can be asked for their lists."""

from dataclasses import asdict
from datetime import date

import numpy as np
import pyarrow as pa

from benchmarks.recommender_logs import vocabulary
from recsys_tasks.core.config import AlsConfig, IndexConfig
from recsys_tasks.index.annoy_index import INDEX_FORMAT, build_trees
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import SearchParameters
from recsys_tasks.recommenders.base import TrainingData
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.recommenders.neighbours import SimilarTracks
from recsys_tasks.release.bundle import Bundle, names_in, open_gated, open_users
from recsys_tasks.release.bundles import GATED, NAMES, USERS, Bundles
from recsys_tasks.release.keys import CandidateKey
from recsys_tasks.storage.artefacts import Content, LocalFile
from recsys_tasks.storage.posix import PosixStore
from recsys_tasks.storage.stored_forms import vocabulary_table

DAY = date(2026, 1, 1)


def bundle_of(
    store: PosixStore,
    data: TrainingData,
    factors: Factors,
    als: AlsConfig,
    names: dict[str, pa.Array],
    similar: SimilarTracks | None = None,
) -> Bundle:
    """The bundle of a training, whose search is exact.

    Args:
        store: where it is stored.
        data: what was trained on.
        factors: that were trained.
        als: by these parameters.
        names: further columns of the tracks' table, ``artist`` among them.
        similar: neighbours of the tracks, which playlists are continued by.
    """
    ranked, n_tracks, bundles = rank_tracks(factors.item_factors), data.plays.shape[1], Bundles(store)
    index = IndexConfig(trees=1)
    key = CandidateKey(DAY, "benchmark", ("benchmark",), Blend(), None, index.model_dump(), INDEX_FORMAT)
    listeners = np.bincount(data.plays.indices, minlength=n_tracks)
    table = {"title": pa.nulls(n_tracks, pa.string()), "released_on": pa.nulls(n_tracks, pa.date32()), **names}
    with store.workspace() as folder:
        build_trees(ranked.ranked_factors, f"{folder}/index.ann", index.trees, index.seed)
        files: dict[str, Content] = {
            "index.ann": LocalFile(f"{folder}/index.ann"),
            "rank_cols": ranked.rank_cols,
            "ranked_factors": ranked.ranked_factors,
            "ranked_norms": ranked.ranked_norms,
            "tracks": vocabulary_table(vocabulary(n_tracks)),
            **({} if similar is None else similar.files()),
        }
        figures = {"effort": asdict(SearchParameters(len(ranked), 0, 1_000)), "als": als.model_dump()}
        bundles.save(key.digest, GATED, key.digest, key.to_json(), files, figures)
    named = {"names": pa.table({**table, "plays": listeners, "listeners": listeners})}
    users: dict[str, Content] = {
        "user_vectors": factors.user_factors,
        "indptr": data.plays.indptr,
        "cols": data.plays.indices,
        "users": pa.table({"id": data.users.ids}),
        "order": np.arange(len(data.users)),
    }
    bundles.save(key.digest, NAMES, key.digest, key.to_json(), named)
    bundles.save(key.digest, USERS, key.digest, key.to_json(), users)
    gated, names_part, user_part = (bundles.open(key.digest, part) for part in (GATED, NAMES, USERS))
    return Bundle(open_gated(gated), names_in(names_part), open_users(user_part))
