"""An open release as the products see it: what is derived from its arrays, made once, and when it is first needed."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.domain import BoolArray, Day, FloatArray, IntArray
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.index.ranked_tracks import RankedTracks
from recsys_tasks.matrix.popularity import popular_order
from recsys_tasks.products.artists import Artists, artists_of
from recsys_tasks.products.filters import Filters
from recsys_tasks.products.hours import CANDIDATES, HOURS, AtAnHour, Counts, HourPrior
from recsys_tasks.products.never_again import unwanted
from recsys_tasks.products.new_releases import new_tracks
from recsys_tasks.recommenders.base import Retriever
from recsys_tasks.recommenders.popular import PopularTracks, SameForAll
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundle import Bundle

PARTS = (0.5, 0.8)
"""Shares of all pairs of listener and track at which the head of the catalogue ends, and the middle."""
ALS = "als"
"""Figure of a gated part: the parameters that its factors were trained with."""


@dataclass(frozen=True)
class ReleaseView:
    """A release and the settings of its products. Threads may share it: what is made twice is made alike."""

    bundle: Bundle
    settings: ProductsConfig
    als: AlsConfig  # of a release that does not say what it was trained with
    marks: pa.Table | None = None  # what listeners do not want again: user_id, track_id, artist_id
    hours: Counts | None = None  # (n_tracks, 24) plays by hour; None: nobody knows
    _retrievers: dict[int, Retriever] = field(default_factory=dict, repr=False)
    _new: dict[date, BoolArray] = field(default_factory=dict, repr=False)

    @property
    def n_tracks(self) -> int:
        """Number of track columns."""
        return self.tracks.n_tracks

    @property
    def tracks(self) -> RankedTracks:
        """Tracks by falling norm."""
        return self.bundle.gated.search.tracks

    @cached_property
    def played(self) -> Played:
        """What each listener played."""
        return Played(self.bundle.users.indptr, self.bundle.users.cols)

    @cached_property
    def playable(self) -> BoolArray | None:
        """The tracks that may be listed where a caller names no others: all but those that the catalogue says nobody
        may play, or that are not out on the day of the lists. (n_tracks,); None: all of them."""
        found = Filters().allowed(self.bundle, self.on, self.settings)
        return None if found.all() else found

    def new(self, day: date) -> BoolArray:
        """The tracks that are new on a day; those of the day that was last asked for are kept. (n_tracks,)."""
        found = self._new.get(day)
        if found is None:
            found = new_tracks(self.bundle, day, self.settings.new_release_days)
            self._new.clear()
            self._new[day] = found
        return found

    @property
    def on(self) -> Day:
        """The day of the lists, the one after the newest data: a release answers alike as long as it is live."""
        return self.bundle.gated.key.day + timedelta(days=1)

    @cached_property
    def unwanted(self) -> Played | None:
        """Tracks that each listener does not want again; None where there are no marks."""
        return None if self.marks is None else unwanted(self.marks, self.bundle, self.artists)

    @cached_property
    def artists(self) -> Artists:
        """Which tracks are whose."""
        return artists_of(self.bundle.names)

    @cached_property
    def popular(self) -> SameForAll:
        """The tracks that most are listening to now: by what recent plays count where there are any, else by all."""
        recent = self.bundle.users.recent
        return recent[0] if recent else self.bundle.names.popular

    @property
    def popular_ever(self) -> PopularTracks:
        """The tracks that most have listened to."""
        return self.bundle.names.popular

    @cached_property
    def training(self) -> AlsConfig:
        """The parameters that the factors were trained with."""
        stored = self.bundle.gated.artefact.figures.get(ALS)
        return self.als if stored is None else AlsConfig(**stored)

    @cached_property
    def gram(self) -> npt.NDArray[np.float64]:
        """Y'Y over the factors of all tracks. (n_factors, n_factors)."""
        factors = self.tracks.ranked_factors
        blocks = (factors[start : start + 65_536].astype(np.float64) for start in range(0, len(factors), 65_536))
        empty = np.zeros((factors.shape[1], factors.shape[1]))
        return np.asarray(sum((block.T @ block for block in blocks), empty))

    @cached_property
    def parts(self) -> npt.NDArray[np.int8]:
        """0 for a track of the head, 1 of the middle, 2 of the tail. (n_tracks,)."""
        listeners = self.bundle.names.listeners
        order = popular_order(listeners)
        before = np.cumsum(listeners[order]) - listeners[order]
        parts = np.full(len(listeners), 2, dtype=np.int8)
        parts[order] = np.searchsorted(PARTS, before / max(int(listeners.sum()), 1), side="right")
        return parts

    def retriever(self, k: int) -> Retriever:
        """What answers for the release's own listeners with lists of k: that of the evaluation."""
        if k not in self._retrievers:
            self._retrievers[k] = self.bundle.gated.retriever(self.bundle.users.asking, k)
        return self._retrievers[k]

    def at_an_hour(self, hour: int, k: int) -> Retriever:
        """What answers at an hour of the day, 0 to 23, with lists of k.

        Raises:
            ConfigError: it is no hour, or nobody knows when the tracks are played.
        """
        if not 0 <= hour < HOURS:
            raise ConfigError(f"{hour} is no hour of the day. It lies from 0 to {HOURS - 1}.")
        if self._prior is None:
            raise ConfigError(
                "Nobody knows at which hours the release's tracks are played. Name a table that does as [products] "
                "hours_table, and deliver; or ask without an hour."
            )
        return AtAnHour(self.retriever(max(k, CANDIDATES)), self._prior, hour, self.settings.hours_weight)

    @cached_property
    def _prior(self) -> HourPrior | None:
        return None if self.hours is None else HourPrior(self.hours)

    def directions(self, cols: IntArray) -> FloatArray:
        """Factors of tracks scaled to length 1, zero for a track without. (*cols.shape, n_factors)."""
        ranks = self.tracks.col_ranks[cols]
        found = self.tracks.ranked_factors[ranks] / self.tracks.ranked_norms[ranks][..., None]
        found[(ranks < 0) | (np.asarray(cols) < 0)] = 0
        return np.asarray(found, dtype=np.float32)
