"""Stored candidates opened as the exact checks look at them, and the ways in which a test may damage one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from itertools import count

import numpy as np
from scipy import sparse

from recsys_tasks.gate.matrix_checks import matrix_checks
from recsys_tasks.index.annoy_index import build_trees, open_index, stored_vectors
from recsys_tasks.index.annoy_trees import node_type, room_of
from recsys_tasks.index.ranked_tracks import rank_tracks
from recsys_tasks.index.two_tier_search import TwoTierSearch
from recsys_tasks.matrix.play_matrix import canonical, day_counts
from recsys_tasks.matrix.split import hold_out, split_day
from recsys_tasks.recommenders.factors import Factors
from recsys_tasks.steps.opened_candidate import Opened, checks_of, conservation_of, open_candidate, recall_of

YESTERDAY, DAY = date(2026, 1, 14), date(2026, 1, 15)
FILES = count(1)


def candidate_of(at, day=DAY):
    """Digest of the candidate that was published for a day."""
    return next(entry.candidate for entry in at.releases.log().entries if entry.day == day)


def opened_of(at, day=DAY) -> Opened:
    """Everything that the candidate of a day is judged by, as it is stored."""
    with ThreadPoolExecutor(1) as beside:
        return open_candidate(at, at.bundles.gated(candidate_of(at, day)), beside)


def checked(at, opened):
    """All exact checks of a candidate, as the evaluation puts them together."""
    with ThreadPoolExecutor(1) as beside:
        return checks_of(at, opened, beside.submit(recall_of, at, opened), beside)


def failing(at, opened):
    """Names of the exact checks that do not pass."""
    return {check.name for check in checked(at, opened) if not check.passed}


def failing_of_matrix(at, matrix, split=None, holdout=None):
    """Names of the matrix's checks that do not pass, split and holdout made anew from it unless they are the fault."""
    counts = at.partitions.load(*matrix.chain[-1])
    split = split or split_day(matrix, counts, DAY, at.config.evaluation)
    holdout = holdout or hold_out(matrix, split)
    found = matrix_checks(matrix, counts, split, holdout, conservation_of(at, matrix.chain))
    return {check.name for check in found if not check.passed}


def indexed(opened, folder, factors, vectors=None, astray=False):
    """The candidate of other factors, or one whose Annoy file holds other vectors, or leads nowhere."""
    ranked, file = rank_tracks(factors.item_factors), str(folder / f"{next(FILES)}.ann")
    shape = ranked.ranked_factors.shape
    build_trees(ranked.ranked_factors if vectors is None else vectors, file, 20, 1)
    if astray:  # every branch leads to the same few tracks: the leaf that Annoy makes first
        nodes = np.memmap(file, node_type(shape[1]), mode="r+")[len(ranked) :]
        nodes["children"][nodes["descendants"] > room_of(nodes.dtype)] = len(ranked)
    search = TwoTierSearch(ranked, opened.gated.search.parameters, open_index(file, *shape))
    gated = replace(opened.gated, search=search, held=stored_vectors(file, *shape))
    return replace(opened, gated=gated, model=replace(opened.model, component=factors))


def rolled(factors, n):
    """The same factors, those of n tracks under one another's ids."""
    cols = np.sort(np.random.default_rng(5).choice(len(factors.item_factors), n, replace=False))
    items = factors.item_factors.copy()
    items[cols] = items[np.roll(cols, 1)]
    return Factors(factors.user_factors, items)


def thinned(plays, share):
    """Play counts without some of their cells."""
    cells = plays.tocoo()
    kept = np.random.default_rng(4).random(cells.nnz) >= share
    return canonical(sparse.csr_matrix((cells.data[kept], (cells.row[kept], cells.col[kept])), shape=plays.shape))


def plays_of_day(at, matrix, link=-1):
    """The plays of one of the matrix's dates, in its row numbers."""
    return day_counts(at.partitions.load(*matrix.chain[link]), matrix.users, matrix.tracks)


def plays_of_others(opened):
    """The day's plays of everybody who is not hidden."""
    others = np.ones((len(opened.matrix.users), 1), dtype=np.uint32)
    others[opened.split.hidden_rows] = 0
    return canonical(opened.split.day_counts.multiply(others).tocsr())
