"""Stored deliveries rewritten without some people; the tables of the sink are replaced by the next delivery."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Ids
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.delivery.files import SUFFIX
from recsys_tasks.repositories.deliveries import FOLDER
from recsys_tasks.repositories.erasures import REMOVED, REWRITTEN, Act
from recsys_tasks.steps.erased_artefacts import digest_at
from recsys_tasks.steps.workplace import Workplace
from recsys_tasks.storage.artefacts import LocalFile
from recsys_tasks.storage.search import Found

USER_ID = "user_id"


def rewrite_deliveries(at: Workplace, ids: Ids, references: Sequence[str], found: Iterable[Found]) -> None:
    """Store every delivery that holds some people without them, and remove what it was; one that is damaged goes.

    Args:
        at: store and configuration.
        ids: (n,) of the people.
        references: theirs, which are part of the new deliveries' identity.
        found: where a search found them.
    """
    people: dict[str, int] = {}
    for each in found:
        if each.name.startswith(f"{FOLDER}/"):
            name = each.name.rpartition("/")[0]
            people[name] = max(people.get(name, 0), each.people)
    for name, count in people.items():
        before = digest_at(at, name)
        try:
            new = _rewritten(at, name, ids, references)
            at.erasures.note([Act(name, REWRITTEN, count, before, digest_at(at, new))])
        except CorruptArtefact:
            at.erasures.note([Act(name, REMOVED, count, before)])
        at.store.remove(name)


def _rewritten(at: Workplace, name: str, ids: Ids, references: Sequence[str]) -> str:
    """Store a delivery without some people; its name."""
    key, artefact = at.deliveries.key(name), at.deliveries.open(name)
    new = replace(key, forgotten=digest_of("without", key.forgotten, sorted(references)))
    with at.store.workspace() as folder:
        tables = [
            file for file in artefact.manifest.files if file.endswith(SUFFIX)
        ]  # the rows of arrays are others now
        files = {file: _without(artefact.file(file), Path(folder) / file, ids) for file in tables}
        at.deliveries.save(new, files, artefact.figures)
    return new.name


def _without(file: Path, new: Path, ids: Ids) -> LocalFile:
    """A file of rows without those of some people, written piece by piece."""
    with pq.ParquetFile(file) as opened, pq.ParquetWriter(new, opened.schema_arrow, compression="zstd") as writer:
        for batch in opened.iter_batches():
            rows = pa.Table.from_batches([batch])
            writer.write_table(
                rows.filter(pc.invert(pc.is_in(rows[USER_ID], ids))) if USER_ID in rows.column_names else rows
            )
    return LocalFile(str(new))
