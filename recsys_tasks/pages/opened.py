"""An open release as the pages ask it: its reader, its products as the configuration wants them, its names."""

from dataclasses import replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.pages.names_search import NameSearch
from recsys_tasks.pages.narrowing import Offered, offered
from recsys_tasks.products.products import Products
from recsys_tasks.serving.opened import Opened as OpenRelease
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.store import Stamp

Files: TypeAlias = "tuple[tuple[str, Stamp], ...]"
"""Name and stamp of each file of a release."""


class Opened:
    """One open release, and its files as they were before it was opened."""

    def __init__(self, reader: Reader, files: Files, memory: int = 0) -> None:
        self.reader, self.files, self.memory = reader, files, memory
        self.plays: tuple[npt.NDArray[np.integer[Any]] | None] | None = None  # of each pair, once looked for
        self._under: tuple[ProductsConfig, OpenRelease] | None = None
        self._offered: tuple[ProductsConfig, Offered] | None = None

    @cached_property
    def names(self) -> NameSearch:
        """The search over its names, made when it is first needed: a second for 600,000 tracks."""
        return NameSearch(self.reader.bundle.names.table)

    def under(self, settings: ProductsConfig) -> OpenRelease:
        """The release with its products as some settings want them; those of the last settings are kept."""
        known = self._under
        if known is None or known[0] != settings:
            release = self.reader.opened
            known = settings, replace(release, products=Products(release.bundle, settings))
            self._under = known
        return known[1]

    def offered(self, settings: ProductsConfig) -> Offered:
        """What its catalogue can be filtered by; it is looked at once."""
        if self._offered is None or self._offered[0] != settings:
            self._offered = settings, offered(self.reader.bundle.names.table, settings)
        return self._offered[1]
