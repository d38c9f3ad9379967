"""Finding tracks by part of a title or an artist's name, whatever the case and the accents."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 100
"""Signs of a title or a name that are looked at; what stands behind them is not found."""
LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
"""Letters that are no plain one with an accent, and what people type for them."""
SLICE = 1 << 16
"""Names looked at before it is asked whether enough were found."""
BETWEEN = "\n"
"""Stands between title and artist, so that a name's beginning is found like a title's, and nothing across both."""


class Hits(NamedTuple):
    """What was found."""

    cols: npt.NDArray[np.int64]  # (at most limit,) track columns, best first
    more: bool  # further tracks bear the name too


def folded(texts: Any) -> Any:
    """Texts as they are compared: in small letters, without accents, cut to ``LONGEST``; nulls are empty."""
    cut = pc.utf8_slice_codeunits(pc.fill_null(texts, ""), 0, LONGEST)
    plain = pc.utf8_lower(pc.replace_substring_regex(pc.utf8_normalize(cut, "NFKD"), r"\p{Mn}+", ""))
    for letter, typed in LETTERS.items():
        plain = pc.replace_substring(plain, letter, typed)
    return pc.utf8_slice_codeunits(plain, 0, LONGEST)


class NameSearch:
    """The names of one release, folded once, those with most listeners first; threads may share it."""

    def __init__(self, names: pa.Table) -> None:
        """Fold title and artist of each track column; ``listeners`` (n_tracks,) gives the order."""
        title, artist = (folded(names.column(name)) for name in ("title", "artist"))
        listeners = np.asarray(names.column("listeners")).astype(np.int64)
        self._order = np.argsort(-listeners, kind="stable")  # (n_tracks,) columns by falling number of listeners
        self._names = pc.binary_join_element_wise(title, artist, BETWEEN).take(pa.array(self._order))

    def find(self, text: str, limit: int) -> Hits:
        """Tracks whose title or artist begins with a text, then those that hold it elsewhere; each by listeners.

        Args:
            text: what a person typed; nothing is found for spaces alone.
            limit: at the most so many.
        """
        wanted = folded(pa.array([" ".join(text.split())]))[0].as_py()
        begin: list[int] = []
        hold: list[int] = []
        for start in range(0, len(self._names) if wanted else 0, SLICE):
            names = self._names.slice(start, SLICE)
            found = np.flatnonzero(np.asarray(pc.match_substring(names, wanted)))
            hits = names.take(pa.array(found))
            begins = np.asarray(pc.or_(pc.starts_with(hits, wanted), pc.match_substring(hits, BETWEEN + wanted)))
            begin += (start + found[begins]).tolist()
            if len(begin) > limit:
                break
            hold += (start + found[~begins][: limit + 1]).tolist()
        best = (begin + hold)[: limit + 1]
        return Hits(self._order[best[:limit]], len(best) > limit)
