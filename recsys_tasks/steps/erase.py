"""Remove everything that holds people who shall be forgotten, and search the whole store for what is left of them.

What depends on something goes before it, so that whoever begins again after a kill finds what is left to do:
partitions, released bundles, samples in reports, deliveries, bundles that nobody released, models, splits, matrices,
and last the play counts that these were folded from. Gated parts stay: the factors of tracks were learnt from
everybody, and hold nobody's row.

A search of every file that finds nothing any more makes people *removed*. A search by the next run that finds nothing
either makes them *confirmed*, and only then is the id itself forgotten: whatever a step that was at work meanwhile put
back is found by then.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from recsys_tasks.core.domain import Ids
from recsys_tasks.core.formatting import count
from recsys_tasks.partitions.suppression import FOLDER as SUPPRESSED
from recsys_tasks.partitions.suppression import Suppressed, ids_of
from recsys_tasks.repositories.erasures import JOURNAL, REMOVED, Act, Evidence, Searched
from recsys_tasks.steps.erased_artefacts import USER_FACTORS, digest_at, doomed, unlist
from recsys_tasks.steps.erased_deliveries import rewrite_deliveries
from recsys_tasks.steps.erased_releases import parts_without_a_release, rewrite_releases
from recsys_tasks.steps.erased_texts import drop_samples, redact
from recsys_tasks.steps.results import Erased
from recsys_tasks.steps.suppress import rewrite_partitions
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.search import Search, every_file


def erase_people(at: Workplace, now: datetime) -> Erased:
    """Confirm who was removed before, and remove who is not yet; without open requests, only the list is read.

    Raises:
        CorruptArtefact: the release log, a manifest, the list or a user part that has to be rewritten is damaged.
        PublishConflict: others kept writing to the log.
        StorageError: the store refused.
    """
    asked = at.suppressions.open_people()
    waiting = [person for person in asked if person.removed]
    confirmed = _confirmed(at, waiting, now) if waiting else 0
    people = [person for person in asked if not (confirmed and person.removed)]
    if not people:
        return Erased(confirmed=confirmed)
    ids = ids_of(people, at.config.source.user_id_type)
    rewrite_partitions(at)
    _remove(at, people, ids, now)
    return _proven(at, people, ids, confirmed, now)


def _confirmed(at: Workplace, waiting: Sequence[Suppressed], now: datetime) -> int:
    """Forget the ids of those of whom an earlier search found nothing, where this one finds nothing either."""
    search = Search(ids_of(waiting, at.config.source.user_id_type))
    if search.of(at.store, _files(at)):
        return 0
    searched = Searched(search.files, search.bytes, len(waiting), vectors=0)
    number = at.erasures.save(Evidence(now.isoformat(), _references(waiting), (), searched))
    for person in waiting:
        evidence = (*person.evidence, number)
        at.suppressions.save(replace(person, user_id=None, confirmed=now.isoformat(), evidence=evidence))
    at.progress(f"{count(len(waiting))} erasures and exclusions are confirmed: a second search found nothing either")
    return len(waiting)


def _remove(at: Workplace, people: Sequence[Suppressed], ids: Ids, now: datetime) -> None:
    """Rewrite and remove whatever a search finds, each act noted before it is done."""
    found = Search(ids).of(at.store, _files(at))
    going = doomed(at, ids, found)
    at.erasures.note((*going.without_users, *going.removed), (row.hex() for row in going.vectors))
    redact(at, ids, found)  # before the log is written to: a new entry repeats why the live release is pinned
    rewrite_releases(at, ids, _references(people), _askers(people), now.isoformat())
    drop_samples(at, ids)
    rewrite_deliveries(at, ids, _references(people), found)
    for act in going.without_users:
        unlist(at, act.name.removesuffix(f"/{USER_FACTORS}"), USER_FACTORS)
    parts = parts_without_a_release(at, ids)
    at.erasures.note(Act(name, REMOVED, 0, digest_at(at, name)) for name in parts)
    for name in (*parts, *(act.name for act in (*going.without_users, *going.removed))):
        if at.store.holds(name):
            at.store.remove(name)
            at.progress(f"removed {name}, which held people who are erased")


def _proven(at: Workplace, people: Sequence[Suppressed], ids: Ids, confirmed: int, now: datetime) -> Erased:
    """Search every file for every id and vector, and keep what came of it."""
    journal = at.erasures.journal()
    search = Search(ids, [bytes.fromhex(row) for row in journal.vectors])
    left = tuple(found.name for found in search.of(at.store, _files(at)))
    searched = Searched(search.files, search.bytes, len(ids), search.vectors, left)
    number = at.erasures.save(Evidence(now.isoformat(), _references(people), journal.acts, searched))
    for person in people:
        removed = "" if left else now.isoformat()
        at.suppressions.save(replace(person, removed=removed, evidence=(*person.evidence, number)))
    at.erasures.close_journal()
    told = f"still found in {', '.join(left)}" if left else "nothing is left of them"
    at.progress(f"{count(len(people))} people erased or excluded: {count(search.files)} files searched, {told}")
    return Erased(0 if left else len(people), confirmed, number, left)


def _files(at: Workplace) -> list[str]:
    """Every file of the store but the list itself, which names who has to be looked for, and their vectors."""
    return [name for name in every_file(at.store, but=(SUPPRESSED,)) if name != JOURNAL]


def _references(people: Sequence[Suppressed]) -> tuple[str, ...]:
    return tuple(person.reference for person in people)


def _askers(people: Sequence[Suppressed]) -> str:
    """Who asked, each once."""
    return ", ".join(sorted({person.by for person in people}))[:200]
