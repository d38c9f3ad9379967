"""Lists of columns in the words of the source."""

from collections.abc import Iterator

from recsys_tasks.core.domain import FloatArray
from recsys_tasks.products.lists import Cols, Track
from recsys_tasks.release.bundle import Bundle


def named_tracks(bundle: Bundle, cols: Cols, scores: FloatArray, reasons: Cols | None) -> tuple[Track, ...]:
    """One list, without the places that hold nothing. (k,) each; reasons: None: nothing explains it."""
    return tuple(_named(bundle, cols, scores, reasons))


def _named(bundle: Bundle, cols: Cols, scores: FloatArray, reasons: Cols | None) -> Iterator[Track]:
    for place, col in enumerate(cols.tolist()):
        if col >= 0:
            reason = -1 if reasons is None else int(reasons[place])
            because = _track(bundle, reason, 0.0) if reason >= 0 else None
            yield _track(bundle, col, float(scores[place]), because)


def _track(bundle: Bundle, col: int, score: float, because: Track | None = None) -> Track:
    names, ids = bundle.names.of(col), bundle.gated.tracks.ids
    return Track(ids[col].as_py(), names["title"], names["artist"], round(score, 6), because)
