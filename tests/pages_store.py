"""Stores as the tests of the pages need them: aged, damaged, with a refused candidate; and pages shown from them."""

import os
from dataclasses import replace
from datetime import date

import pyarrow.parquet as pq
from settings import reseal

from recsys_tasks.pages.candidates import Wanted, candidates
from recsys_tasks.pages.site import render
from recsys_tasks.release.bundles import part_name
from recsys_tasks.release.log import Entry
from recsys_tasks.release.releases import entry_name
from recsys_tasks.release.stored_verdicts import VERDICT
from recsys_tasks.storage.artefacts import read_manifest
from recsys_tasks.storage.files import remove_tree, sha256_of
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


def change_names(at, change):
    """Let the last release know something else of its tracks, as if it had been published so; what it knew before."""
    path, live = part(at, 3, "names"), entry(at, 3)
    table = pq.read_table(path / "names.parquet", memory_map=False)
    (path / "names.parquet").chmod(0o644)
    pq.write_table(change(table), path / "names.parquet")
    reseal(path)
    log = log_file(at.store, 3)
    log.chmod(0o644)
    log.write_bytes(Entry.to_bytes(replace(live, parts=live.parts | {"names": sha256_of(path / "manifest.json")})))
    return table
