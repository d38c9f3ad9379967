"""Pages of a store far beyond a page's own dates: what is opened is counted, for seconds depend on the machine."""

import os
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from benchmarks.year_of_dates import grow
from recsys_tasks.core.policy import FreshnessConfig, GateConfig
from recsys_tasks.pages.acting import standing
from recsys_tasks.pages.asking import frame_of
from recsys_tasks.pages.candidates import LENGTH, Wanted, candidates
from recsys_tasks.pages.history import history
from recsys_tasks.pages.lineage import lineage
from recsys_tasks.pages.live import live
from recsys_tasks.pages.logbook import LOGS
from recsys_tasks.pages.memory import MEMORY
from recsys_tasks.pages.questions import Question
from recsys_tasks.pages.readers import Readers
from recsys_tasks.pages.remembered import log_of
from recsys_tasks.storage.posix import PosixStore

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SIZES = {"long": (70, 100), "longer": (110, 300)}  # judged dates, log entries


class Counting(PosixStore):
    """A store that counts the files it opens, by their first folder, and the folders that it lists."""

    def __init__(self, root):
        super().__init__(root)
        self.opened, self.listed = Counter(), Counter()

    def read(self, name, most=None):
        """As ``PosixStore``."""
        self.opened[name.split("/")[0]] += 1
        return super().read(name, most)

    def manifest(self, name):
        """As ``PosixStore``."""
        self.opened[name.split("/")[0]] += 1
        return super().manifest(name)

    def names(self, folder):
        """As ``PosixStore``."""
        self.listed[folder.split("/")[0]] += 1
        return super().names(folder)


PAGES = {
    "live": lambda store: live(store, FreshnessConfig(), NOW),
    "history": lambda store: history(store, GateConfig(), "30"),
    "all of history": lambda store: history(store, GateConfig(), "all"),
    "candidates": lambda store: candidates(store, Wanted()),
    "held": lambda store: candidates(store, Wanted(verdict="HOLD")),
    "lineage": lambda store: lineage(store, str(log_of(store).releases[-1].number)),
    "acts": lambda store: standing(store, log_of(store)),
    "ask": lambda store: frame_of(Readers(store), log_of(store), Question()),
}


@pytest.fixture(scope="module")
def stores(finished, tmp_path_factory):
    """Two stores, of which one is about twice as long; written a minute ago."""
    made = {}
    for name, size in SIZES.items():
        root = tmp_path_factory.mktemp(name)
        grow(finished.store, root, *size)
        for path in [root, *root.rglob("*")]:
            os.utime(path, (time.time() - 60,) * 2)
        made[name] = root
    return made


def counted(page, root, first):
    """What a page opens and lists: as the first of its process, or when it was shown before."""
    MEMORY.forget()
    LOGS.forget()
    if not first:
        PAGES[page](PosixStore(root))
    store = Counting(root)
    PAGES[page](store)
    return store


@pytest.mark.parametrize("page", PAGES)
def test_what_was_shown_before_opens_nothing_that_grows(stores, page):
    """Shown again, a page opens the newest entry of the log and a few manifests, however many dates there are."""
    for name in SIZES:
        store = counted(page, stores[name], first=False)
        assert store.opened["releases"] <= 2
        assert sum(store.opened.values()) <= 40
        assert sum(store.listed.values()) <= 10


def test_the_first_view_reads_the_dates_of_the_page_alone(stores):
    """Live reads the newest date; Candidates the judgements of one page of dates, whatever lies behind it."""
    newest, page = (counted(name, stores["longer"], first=True) for name in ("live", "candidates"))
    assert newest.opened["evaluations"] <= 8
    assert page.opened["evaluations"] <= 2 * 1.2 * LENGTH
    assert page.opened["releases"] == counted("acts", stores["longer"], first=True).opened["releases"] == 300


def test_the_memory_stays_within_its_bound(stores):
    """All pages of both stores, with a bound that holds a tenth of them: nothing breaks, and it is kept."""
    MEMORY.forget()
    for root in stores.values():
        for page in PAGES.values():
            page(PosixStore(root))
    assert 100_000 < MEMORY.size < 20_000_000
