"""Who never counts: requests for it, and the partitions rewritten without them.

A rewritten partition keeps the rule and the fingerprint of its rows, so that the next extraction finds it unchanged;
one that is extracted anew leaves the same people out. Matrices then fold again as after any restatement.
"""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pyarrow.compute as pc

from recsys_tasks.core.domain import Day, Id, Ids, PlayCounts
from recsys_tasks.core.errors import ConfigError, CorruptArtefact
from recsys_tasks.core.formatting import count
from recsys_tasks.core.mentions import Mentions
from recsys_tasks.partitions.day_traces import traces_of
from recsys_tasks.partitions.extracted_day import ExtractedDay, figures_of
from recsys_tasks.partitions.repository import StoredPartition, partition_name, plays_file
from recsys_tasks.partitions.suppression import ERASE, SUPPRESSED, Suppressed, ids_of, known_id, without
from recsys_tasks.repositories.erasures import REWRITTEN, Act
from recsys_tasks.source.postgres import Source
from recsys_tasks.steps.workplace import Signature, Workplace
from recsys_tasks.storage.stored_forms import counts_digest

FROM_THE_TABLE = "named in {table}"
"""The reason of a request that the source makes."""


def ask_to_suppress(at: Workplace, user: str, kind: str, signature: Signature) -> Suppressed:
    """Ask that a person be erased or excluded; the next run does it.

    Args:
        at: store and configuration.
        user: the person's id, as typed.
        kind: erase or exclude.
        signature: who asks, why and when.

    Raises:
        UnknownId: it is no id of the source's type.
    """
    return _asked(at, known_id(user, at.config.source.user_id_type), kind, signature)


def readmit(at: Workplace, user: str, signature: Signature, since: Day) -> Suppressed:
    """Let a person's streams count again from a date on; those before it stay out.

    Raises:
        ConfigError: the person is not on the list, or is not gone yet.
        UnknownId: it is no id of the source's type.
    """
    found = at.suppressions.find(known_id(user, at.config.source.user_id_type))
    if found is None or found.readmitted:
        raise ConfigError("This person's streams count already: there is nothing to readmit.")
    if found.is_open:
        raise ConfigError(
            "This person is not gone yet. Wait until `erasures` calls the search confirmed, then readmit."
        )
    word = f"{signature.by}: {Mentions([user]).without(signature.why)}"
    return at.suppressions.save(replace(found, readmitted=since.isoformat(), readmitted_by=word))


def requests_of_the_source(at: Workplace, source: Source, now: datetime) -> None:
    """Ask for the erasure of everybody whom the source's table of requests names.

    Raises:
        SourceUnavailable, SourceMismatch: see ``source``.
    """
    if not at.config.privacy.erased_users_table:
        return
    why = FROM_THE_TABLE.format(table=at.config.privacy.erased_users_table)
    for user_id in source.erased_users(at.config.privacy):
        found = at.suppressions.find(user_id)
        if found is None or found.kind != ERASE:
            _asked(at, user_id, ERASE, Signature("the source", why, now.isoformat()))


def rewrite_partitions(at: Workplace) -> tuple[Day, ...]:
    """Rewrite the newest version of each date without the people who shall not be there; the dates that changed.

    A damaged date is left to the extraction, which mends it and leaves the same people out.
    """
    people = at.suppressions.open_people()
    return tuple(_rewritten(at, ids_of(people, at.config.source.user_id_type))) if people else ()


def _rewritten(at: Workplace, ids: Ids) -> Iterator[Day]:
    for day in at.partitions.days():
        stored = at.partitions.newest(day)
        try:
            counts = at.partitions.load(day, stored.digest) if stored else None
        except CorruptArtefact as error:
            at.progress(f"{day} cannot be rewritten, and is extracted again: {error}")
            continue
        left = without(counts, ids) if counts is not None else None
        if stored is not None and counts is not None and left is not None:
            _rewrite(at, stored, counts, left, ids)
            yield day


def _rewrite(at: Workplace, stored: StoredPartition, counts: PlayCounts, left: PlayCounts, ids: Ids) -> None:
    """Store a date without some people. What its checks found and who accepted it holds for what is left of it."""
    day, digest = stored.day, counts_digest(left)
    traces = at.shapes.traces(stored)
    kept, figures = int(left.plays.sum(dtype="int64")), stored.figures
    dropped = dict(figures.dropped)
    dropped[SUPPRESSED] = dropped.get(SUPPRESSED, 0) + figures.rows_kept - kept
    new_traces = traces_of(left, traces.events if traces else None, traces.hours if traces else None)
    rewritten = ExtractedDay(day, left, figures.rows_read, kept, dropped, stored.fingerprint, new_traces)
    partition = StoredPartition(day, digest, stored.rule, stored.fingerprint, figures_of(rewritten))
    people = len(pc.unique(counts.user_ids.filter(pc.is_in(counts.user_ids, ids))))
    name = f"{partition_name(day)}/{plays_file(stored.digest)}"
    at.erasures.note([Act(name, REWRITTEN, people, stored.digest, digest)])
    at.checked.carry_over(day, stored.digest, digest)
    if traces is not None:
        at.shapes.save_traces(partition, new_traces)
    at.partitions.keep_replaced(day)
    at.partitions.save(partition, left)
    at.progress(f"{day} rewritten without {count(people)} people")


def _asked(at: Workplace, user_id: Id, kind: str, signature: Signature) -> Suppressed:
    why = Mentions([str(user_id)]).without(signature.why)
    return at.suppressions.ask(user_id, kind, signature.by, why, signature.at, secrets.token_hex(32))
