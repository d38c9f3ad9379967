"""Lists for a history that no training knew: an unknown listener's tracks, or a playlist.

The history is folded in as a listener of the release (Hu, Koren and Volinsky, ICDM 2008, equation 4, against its track
factors), and the release's own retriever answers for it. A playlist is continued by the fold-in, by the neighbours of
its tracks and by its artists, joined as the components of a candidate are.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recsys_tasks.core.domain import BoolArray, FloatArray, IntArray
from recsys_tasks.core.errors import BadData
from recsys_tasks.index.indexed_factors import IndexedFactors
from recsys_tasks.products.listeners import Asked, Rules, chosen, rules_of
from recsys_tasks.products.lists import TrackLists, as_played
from recsys_tasks.products.reasons import reasons_for
from recsys_tasks.products.same_artists import SameArtists
from recsys_tasks.products.view import ReleaseView
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.blend import Blend
from recsys_tasks.recommenders.confidence import confidence
from recsys_tasks.recommenders.neighbours import Neighbours
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Listeners

NO_RULES = Rules(0, 0.0)
"""Of a playlist, which may be of one artist, and alike."""
PLAYLIST_PARTS = ("als", "neighbours", "artists")
"""What continues a playlist, in the order of ``playlist_weights``."""


def for_histories(view: ReleaseView, histories: Sequence[IntArray], k: int, allowed: BoolArray | None) -> TrackLists:
    """What the release recommends to listeners of these histories; the popular tracks where nothing is known of one.

    Args:
        view: the release.
        histories: track columns of each, in any order.
        k: length of the lists.
        allowed: (n_tracks,) tracks to choose from; None: all.

    Raises:
        BadData: a column lies outside of the release's tracks.
    """
    played = _checked(view, histories)
    listeners = Listeners(folded_in(view, played), played, view.bundle.users.recent)
    return _listed(
        view, played, lambda places: view.bundle.gated.retriever(listeners, places), k, allowed, rules_of(view)
    )


def continued(view: ReleaseView, playlists: Sequence[IntArray], k: int, allowed: BoolArray | None = None) -> TrackLists:
    """Tracks that go on with playlists; arguments and errors as for ``for_histories``."""
    played = _checked(view, playlists)
    vectors, depth = folded_in(view, played), view.bundle.gated.key.blend.depth

    def asked(places: int) -> Retriever:
        parts = playlist_parts(view, played, vectors, max(places, depth))
        weights = dict(zip(PLAYLIST_PARTS, view.settings.playlist_weights, strict=True))
        return Blend(tuple(weights[name] for name in parts), tuple(parts), depth).of(list(parts.values()))

    return _listed(view, played, asked, k, allowed, NO_RULES)


def playlist_parts(view: ReleaseView, played: Played, vectors: FloatArray, places: int) -> dict[str, Retriever]:
    """What continues playlists, by name: those of ``PLAYLIST_PARTS`` that the release has.

    Args:
        view: the release.
        played: tracks of each playlist.
        vectors: (n_playlists, n_factors) of each, folded in.
        places: candidates that each part names.
    """
    similar = view.bundle.gated.similar
    found: dict[str, Retriever] = {"als": IndexedFactors(view.bundle.gated.search_for(places), vectors)}
    if similar is not None:
        found["neighbours"] = Neighbours(similar, played)
    if len(view.artists):
        found["artists"] = SameArtists.of(view, played)
    return found


def folded_in(view: ReleaseView, histories: Played) -> npt.NDArray[np.float32]:
    """Factors of listeners who played each track of their history once. (n_histories, n_factors).

    Zero for a history without any track that has a factor.
    """
    factors, config = view.tracks.ranked_factors, view.training
    found = np.zeros((len(histories.indptr) - 1, factors.shape[1]), np.float32)
    once = confidence(sparse.csr_matrix(np.ones((1, 1), np.uint32)), config).data[0]
    for row in range(len(found)):
        ranks = view.tracks.col_ranks[histories.of(row)]
        own = factors[ranks[ranks >= 0]].astype(np.float64)
        if len(own):
            left = view.gram + (once - 1) * own.T @ own + config.regularization * np.eye(factors.shape[1])
            found[row] = np.linalg.solve(left, once * own.sum(axis=0))
    return found


def _checked(view: ReleaseView, histories: Sequence[IntArray]) -> Played:
    """Each track of each history once, by column."""
    played = as_played([np.unique(cols) for cols in histories])
    if len(played.cols) and not 0 <= played.cols.min() <= played.cols.max() < view.n_tracks:
        raise BadData(f"A history names a track outside of the {view.n_tracks} tracks.")
    return played


def _listed(
    view: ReleaseView,
    played: Played,
    asked: Asked,
    k: int,
    allowed: BoolArray | None,
    rules: Rules,
) -> TrackLists:
    rows = np.arange(len(played.indptr) - 1)
    cols, scores = chosen(view, asked, rows, played, k, allowed, rules)
    if (bare := np.flatnonzero(cols[:, 0] < 0)).size:
        cols[bare], scores[bare] = chosen(
            view, lambda _: view.popular, bare, played.rows(bare), k, allowed, rules._replace(diversity=0.0)
        )
    return TrackLists(cols, scores, reasons_for(view, cols, played))
