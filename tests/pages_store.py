"""Stores as the tests of the pages need them: aged, damaged, with a refused candidate; and pages shown from them."""

import os
from datetime import date

from settings import reseal

from recsys_tasks.pages.candidates import Wanted, candidates
from recsys_tasks.pages.site import render
from recsys_tasks.release.bundles import part_name
from recsys_tasks.release.releases import entry_name
from recsys_tasks.release.stored_verdicts import VERDICT
from recsys_tasks.storage.artefacts import read_manifest
from recsys_tasks.storage.files import remove_tree
from recsys_tasks.storage.manifest import MANIFEST

LAST = date(2026, 1, 15)
LISTENER, NOBODY = "5", "999999999"


def aged(path):
    """Give everything below a path a time long past, as it has in a store that nobody works on."""
    for found in [*path.rglob("*"), path]:
        os.utime(found, (1_700_000_000, 1_700_000_000))


def shown(template, **context):
    """A page, as text of HTML."""
    return render(template, template, home="/recsys/", airflow="/", **context)


def candidates_page(store, asked=Wanted()):  # noqa: B008 - a tuple
    """The page of candidates and releases."""
    return shown("candidates", **candidates(store, asked))


def refused(at, outcome="HOLD", exact=False):
    """Turn the last date's verdict into a refusal, and take its release back; its digest."""
    (judgement,) = at.judgements.of(LAST)
    path = at.store.root / judgement.place / VERDICT
    verdict = read_manifest(path).figures | {"outcome": outcome, "exact": exact, "reasons": ["<b>why</b>"]}
    reseal(path, figures=verdict)
    log_file(at.store, 3).unlink()
    return at.judgements.key(judgement).candidate


def log_file(store, number):
    """The file of an entry of the log."""
    return store.root / entry_name(number)


def judged_file(at, day, part):
    """The manifest of a part of a date's one judgement."""
    (judgement,) = at.judgements.of(day)
    return at.store.root / judgement.place / part / MANIFEST


def entry(at, release):
    """The log entry of a release."""
    return at.releases.log().release(release)


def part(at, release, name):
    """The directory of a part of a release."""
    return at.store.root / part_name(entry(at, release).candidate, name)


def recommend(opened):
    """A question that every release answers."""
    return opened.reader.recommend(LISTENER, 3)


def gone(path):
    """What retention does."""
    remove_tree(path.parents[1], path)
