"""Artists like an artist: out of a delivery where one holds them, else counted once somebody has asked."""

import numpy as np

from recsys_tasks.products.lists import ArtistLists
from recsys_tasks.products.products import Products
from recsys_tasks.serving.http.problems import busy


class Related:
    """The lists of one release. One thread asks, another one may ``prepare``."""

    def __init__(self, products: Products, delivered: ArtistLists | None) -> None:
        """Nothing is counted yet.

        Args:
            products: of the release.
            delivered: (n_artists, k) the lists of all artists; None: no delivery holds them.
        """
        self._products, self._delivered = products, delivered
        self.wanted = self._ready = False

    @property
    def delivered(self) -> bool:
        """Whether a delivery holds them."""
        return self._delivered is not None

    def of(self, artist: int, k: int) -> ArtistLists:
        """The k artists that are most like one.

        Raises:
            Problem: what this needs is being made: come again.
        """
        if self._delivered is not None and k <= self._delivered.artists.shape[1]:
            return ArtistLists(self._delivered.artists[[artist], :k], self._delivered.scores[[artist], :k])
        if not self._ready:
            self.wanted = True
            raise busy("Who listens to which artists is being counted.")
        return self._products.related_artists(np.array([artist]), k)

    def prepare(self) -> None:
        """Count what they need, if that is wanted: it takes memory and some seconds."""
        if self.wanted and not self._ready:
            self._products.related_artists(np.zeros(min(len(self._products.artists), 1), np.int64), 1)
            self._ready = True
