"""A search as a build makes it: the trees over the ranked tracks, and parameters that are chosen on a sample."""

from benchmarks.factors import Floats
from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.domain import IntArray
from recsys_tasks.index.annoy_index import build_trees, open_index
from recsys_tasks.index.calibration import choose_parameters
from recsys_tasks.index.exact_neighbours import ExactNeighbours
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.recommenders.vectors import Played


def build_search(
    ranked: RankedTracks, query: tuple[Floats, Played], asked: IntArray, config: IndexConfig, file: str
) -> TwoTierSearch:
    """Build the index and choose its search parameters.

    Args:
        ranked: the tracks.
        query: vectors and played tracks of the users that the parameters are chosen on.
        asked: columns of the tracks that the parameters are chosen on.
        config: of the index.
        file: name of the index file, which the search maps.
    """
    build_trees(ranked.ranked_factors, file, config.trees, config.seed)
    index = open_index(file, len(ranked), ranked.ranked_factors.shape[1])
    exact = ExactNeighbours.of_ranked(ranked, *query, asked, config.k)
    return TwoTierSearch(ranked, choose_parameters(ranked, index, exact, config), index)
