"""Finding tracks by part of a title or an artist's name, whatever the case and the accents."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 100
"""Characters of a title or a name that are searched; what stands behind them is not found."""
LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
"""Letters that Unicode does not take for a plain letter with an accent, and what people type for them."""
SLICE = 1 << 16
"""Names that are searched before the search asks whether it has found enough: some milliseconds' work."""
BETWEEN = "\n"
"""Separates title and artist: the beginning of a name is found like that of a title, and no text across both."""


class Hits(NamedTuple):
    """The result of a search."""

    cols: npt.NDArray[np.int64]  # (at most limit,) track columns, best first
    more: bool  # whether further tracks match


def folded(texts: Any) -> Any:
    """Texts as they are compared: in lower case, without accents, cut to ``LONGEST``; nulls become empty."""
    cut = pc.utf8_slice_codeunits(pc.fill_null(texts, ""), 0, LONGEST)
    plain = pc.utf8_lower(pc.replace_substring_regex(pc.utf8_normalize(cut, "NFKD"), r"\p{Mn}+", ""))
    for letter, typed in LETTERS.items():
        plain = pc.replace_substring(plain, letter, typed)
    return pc.utf8_slice_codeunits(plain, 0, LONGEST)


class NameSearch:
    """The names of one release, folded once, tracks with most listeners first. Threads may share it."""

    def __init__(self, names: pa.Table, slice_length: int = SLICE) -> None:
        """Fold title and artist of each track column; ``listeners`` (n_tracks,) gives the order.

        Args:
            names: ``title``, ``artist`` and ``listeners``, a row a track column.
            slice_length: names that are searched before the search asks whether it has found enough.
        """
        self._slice_length = slice_length
        title, artist = (folded(names.column(name)) for name in ("title", "artist"))
        listeners = np.asarray(names.column("listeners")).astype(np.int64)
        self._order = np.argsort(-listeners, kind="stable")  # (n_tracks,) columns by falling number of listeners
        self._names = pc.binary_join_element_wise(title, artist, BETWEEN).take(pa.array(self._order))

    def find(self, text: str, limit: int) -> Hits:
        """Find tracks whose title or artist begins with a text, then those that hold it elsewhere; each by listeners.

        Args:
            text: what a person typed; spaces alone find nothing.
            limit: tracks to find, at the most.
        """
        wanted = folded(pa.array([" ".join(text.split())]))[0].as_py()
        begin: list[int] = []
        hold: list[int] = []
        for start in range(0, len(self._names) if wanted else 0, self._slice_length):
            names = self._names.slice(start, self._slice_length)
            found = np.flatnonzero(np.asarray(pc.match_substring(names, wanted)))
            hits = names.take(pa.array(found))
            begins = np.asarray(pc.or_(pc.starts_with(hits, wanted), pc.match_substring(hits, BETWEEN + wanted)))
            begin += (start + found[begins]).tolist()
            if len(begin) > limit:
                break
            hold += (start + found[~begins][: limit + 1]).tolist()
        best = (begin + hold)[: limit + 1]
        return Hits(self._order[best[:limit]], len(best) > limit)
