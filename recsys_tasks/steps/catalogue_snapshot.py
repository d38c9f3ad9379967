"""Keep the catalogue as the source shows it on a date: once, so that a rerun is no new candidate.

What is kept stays with its date. A loader that empties a table before it fills it again is therefore not to be met
half-way: a catalogue that lost most of its tracks is refused before it is kept.
"""

from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import SourceUnavailable
from recsys_tasks.core.formatting import count
from recsys_tasks.source.catalogue import catalogue_digest, catalogue_rule
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.workplace import Workplace


def catalogue_snapshot(at: Workplace, source: Source, day: Day) -> str | None:
    """Digest of the day's catalogue snapshot, which is taken if there is none; None without a catalogue.

    Raises:
        SourceUnavailable: it cannot be read, or has lost most of its tracks.
        SourceMismatch: see ``source``.
    """
    if at.config.catalogue is None:
        return None
    rule = catalogue_rule(at.config.catalogue)
    digest = at.catalogues.find(day, rule)
    if digest is None:
        tracks = source.catalogue()
        _check_whole(at, at.config.catalogue.table, len(tracks))
        digest = catalogue_digest(tracks)
        at.catalogues.save(day, rule, digest, tracks)
        at.progress(f"the catalogue of {day} has {count(len(tracks))} tracks")
    return digest


def _check_whole(at: Workplace, table: str, tracks: int) -> None:
    newest, least = at.catalogues.newest(), at.config.quality.stop_catalogue
    if newest is None or tracks >= least * newest[1]:
        return
    raise SourceUnavailable(
        f"{table} has {count(tracks)} tracks, where the snapshot of {newest[0]} has {count(newest[1])}; asked: at "
        f"least {least:g} of them ([quality] stop_catalogue). Is it being loaded? Then run again once it is whole. "
        "If so many were taken out for good, set stop_catalogue = 0 for this run."
    )
