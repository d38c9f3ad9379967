"""What a step says while it works: figures as a sentence of a log that a person follows."""

from collections.abc import Mapping

from recsys_tasks.core.formatting import count, fraction
from recsys_tasks.matrix.play_matrix import MatrixFigures
from recsys_tasks.partitions.figures import PartitionFigures

REASONS = {"null_id": "without an id", "short": "too short", "duplicate": "duplicates"}
"""Why rows are left out, where the reason's own name is no word for it."""


def streams_in_words(figures: PartitionFigures) -> str:
    """``5,950 streams of 564 listeners and 884 tracks; 817 of 6,767 rows left out: 800 too short, 17 duplicates``."""
    counted = figures.listeners is not None and figures.tracks is not None  # older partitions did not count them
    of = f" of {count(figures.listeners)} listeners and {count(figures.tracks)} tracks" if counted else ""
    return f"{count(figures.rows_kept)} streams{of}; {rows_in_words(figures)}"


def rows_in_words(figures: PartitionFigures) -> str:
    """How many rows of a date were left out, most frequent reason first: ``no row left out`` where it was none."""
    dropped = sorted(figures.dropped.items(), key=lambda reason: (-reason[1], reason[0]))
    reasons = [f"{count(rows)} {REASONS.get(name, name.replace('_', ' '))}" for name, rows in dropped if rows]
    if not reasons:
        return "no row left out"
    left_out = count(sum(figures.dropped.values()))
    return f"{left_out} of {count(figures.rows_read)} rows left out: {', '.join(reasons)}"


def matrix_in_words(figures: MatrixFigures) -> str:
    """``25,181 pairs of 1,384 listeners and 1,981 tracks, with 66,100 plays``."""
    pairs = f"{count(figures.pairs)} pairs of {count(figures.users)} listeners and {count(figures.tracks)} tracks"
    return f"{pairs}, with {count(figures.plays)} plays"


def search_in_words(effort: Mapping[str, int]) -> str:
    """Where lists are looked for: large-norm tracks and nodes of Annoy's trees for a listener, nodes for a track."""
    nodes = f" and {count(effort['search_k'])} nodes of the trees" if effort["search_k"] else ""
    return (
        f"a listener's list is searched among the {count(effort['budget'])} tracks of largest norm{nodes}, "
        f"similar tracks among {count(effort['similar_search_k'])} nodes"
    )


def scores_in_words(precision: Mapping[str, float | None], k: int, incumbent: int | None) -> str:
    """``precision@10: candidate 0.0802, release 1 0.0767, popular tracks 0.0339``.

    Args:
        precision: by who was scored.
        k: length of the lists.
        incumbent: number of the release that the candidate is compared with; None: of none.
    """
    names = {"incumbent": f"release {incumbent}", "popularity": "popular tracks"}
    shown = [f"{names.get(who, who)} {fraction(value)}" for who, value in precision.items()]
    return f"precision@{k}: {', '.join(shown)}"
