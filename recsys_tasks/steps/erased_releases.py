"""Released bundles rewritten without some people, by one entry of the release log."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.domain import BoolArray, Ids
from recsys_tasks.core.errors import CorruptArtefact, PublishConflict
from recsys_tasks.release.bundle import AGAIN, OWN, RECENT, Users, open_users
from recsys_tasks.release.bundles import USERS, part_name
from recsys_tasks.release.log import Entry, Parts, ReleaseLog
from recsys_tasks.repositories.erasures import REWRITTEN, Act
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.artefacts import Content
from recsys_tasks.storage.search import own_vectors
from recsys_tasks.storage.stored_forms import as_ids

ATTEMPTS = 8
"""Times that an erasure begins anew because the log changed in between."""


def rewrite_releases(at: Workplace, ids: Ids, references: Sequence[str], by: str, now: str) -> None:
    """Store the user part of every released bundle without some people, and log that these are the parts from now on.

    A bundle that was published in between is rewritten too. The parts of before stay until they are removed: readers
    that are open keep answering from them until they look at the log.

    Args:
        at: store and configuration.
        ids: (n,) of the people.
        references: theirs, which are part of the new parts' identity.
        by, now: who asked for it, and when it is done (ISO-8601 UTC).

    Raises:
        CorruptArtefact: the log is damaged. A damaged user part is left, and the search that follows tells of it.
        PublishConflict: others kept writing to the log in between, several times over.
    """
    for _attempt in range(ATTEMPTS):
        log = at.releases.log()
        acts, rewritten = [], {}
        for entry, part, people in _holding(at, log, ids):
            try:
                new = _rewritten(at, entry, part, ids, references)
            except CorruptArtefact as error:
                at.progress(f"release {entry.release} cannot be rewritten: {error}")
                continue
            others: Parts = {name: sha256 for name, sha256 in entry.parts.items() if name != part}
            after = at.bundles.vouched(entry.candidate, new)
            rewritten[entry.candidate] = {**others, new: after}
            acts.append(Act(part_name(entry.candidate, part), REWRITTEN, people, entry.parts[part], after))
        if not rewritten:
            return
        at.erasures.note(acts)
        try:
            at.releases.append(log.erase(rewritten, len(ids), by, now))
            return
        except PublishConflict:
            at.progress("the release log changed in between: looking at it again")
    raise PublishConflict(f"The log changed {ATTEMPTS} times while releases were rewritten. Run it again.")


def parts_without_a_release(at: Workplace, ids: Ids) -> list[str]:
    """Names of stored user parts that hold some of these people and that the log vouches for no more, or never did."""
    log = at.releases.log()
    vouched = {part_name(entry.candidate, part) for entry in log.releases for part in entry.parts}
    stored = [(candidate, part) for candidate in at.bundles.candidates() for part in at.bundles.parts(candidate)]
    found = [(candidate, part) for candidate, part in stored if part.startswith(f"{USERS}-")]
    return [
        name
        for candidate, part in found
        if (name := part_name(candidate, part)) not in vouched and _people_in(at, name, ids)
    ]


def _people_in(at: Workplace, name: str, ids: Ids) -> int:
    """How many of some people a stored user part holds; 0 where it is damaged, which the search that follows tells."""
    try:
        users = at.store.open(name, only=("users.parquet",)).table("users").column("id")
    except CorruptArtefact:
        return 0
    return int(_there(as_ids(users), ids).sum())


def _holding(at: Workplace, log: ReleaseLog, ids: Ids) -> Iterator[tuple[Entry, str, int]]:
    """Releases that are still stored and hold some of these people, the user part, and how many it holds."""
    parts = [(entry, part) for entry in log.releases for part in entry.parts if part.startswith(f"{USERS}-")]
    for entry, part in parts:
        stored = at.bundles.holds(entry.candidate, part)
        if stored and (people := _people_in(at, part_name(entry.candidate, part), ids)):
            yield entry, part, people


def _there(ids: Ids, wanted: Ids) -> BoolArray:
    return np.asarray(pc.is_in(ids, wanted))


def _rewritten(at: Workplace, entry: Entry, part: str, ids: Ids, references: Sequence[str]) -> str:
    """Store a user part without some people; its name."""
    artefact = at.bundles.open(entry.candidate, part)
    key = {**artefact.key, "without": digest_of("without", artefact.key.get("without"), sorted(references))}
    digest = digest_of("users", key)
    name = f"{USERS}-{digest[:SHORT]}"
    at.bundles.save(entry.candidate, name, digest, key, _files_without(open_users(artefact), ids))
    return name


def _files_without(users: Users, ids: Ids) -> dict[str, Content]:
    """The files of a user part without some people; the others keep their order."""
    keep = ~_there(users.ids, ids)
    lengths = np.diff(users.indptr)
    indptr = np.concatenate([[0], np.cumsum(lengths[keep])]).astype(users.indptr.dtype)
    left = users.ids.filter(pa.array(keep))
    files: dict[str, Content] = {
        "user_vectors": users.vectors[keep],
        "indptr": indptr,
        "cols": users.cols[np.repeat(keep, lengths)],
        "users": pa.table({"id": left}),
        "order": np.asarray(pc.sort_indices(left)).astype(np.int64),
    }
    if users.recent:  # sums of everybody
        files[RECENT] = np.stack([plays.sums for plays in users.recent])
    of_pairs = {OWN: users.own, AGAIN: users.again}
    return files | {name: each[np.repeat(keep, lengths)] for name, each in of_pairs.items() if each is not None}


def vectors_in(at: Workplace, name: str, ids: Ids) -> list[bytes]:
    """The vectors of some people in a user part; none where it is damaged."""
    try:
        users = open_users(at.store.open(name))
    except CorruptArtefact:
        return []
    return own_vectors(users.vectors, _there(users.ids, ids))
