"""The mark of a store: one small object that tells it from every other store, and says who shares it.

    store.json    a drawn id, when it was made, the group that shares it

Whoever first writes a day makes it, once; whoever only reads does not. It is no artefact: it is in no key, and two
stores with equal artefacts have different marks.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recsys_tasks.core.digests import FORMAT, canonical_json, digest_of
from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.storage.access import PRIVATE, SHARED, Access

MARK = "store.json"


@dataclass(frozen=True)
class Mark:
    """What tells a store from another one."""

    id: str  # drawn
    made: str  # instant, ISO-8601 UTC
    group: str | None = None  # name of the group whose accounts share it; None: private to its owner

    @property
    def access(self) -> Access:
        """The modes of everything in the store."""
        return PRIVATE if self.group is None else SHARED

    def to_bytes(self) -> bytes:
        """The mark as it is stored, with a checksum over itself."""
        values = asdict(self) | {"format": FORMAT}
        return canonical_json(values | {"sha256": digest_of("mark", values)})


def parse_mark(content: bytes, where: str) -> Mark:
    """A mark from its stored bytes.

    Raises:
        CorruptArtefact: they are none, or of another format.
    """
    try:
        values: Mapping[str, Any] = json.loads(content)
        mark = Mark(values["id"], values["made"], values["group"])
        sound = mark.to_bytes() == content
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise CorruptArtefact(
            f"{where} is no mark of a store. Restore it from a backup. Without one, remove it: the next run makes "
            "another; if a group shares the store, say so again (recsys store --group NAME)."
        )
    return mark


def access_under(root: Path) -> Access:
    """The modes of everything in the store under a root; private where it has no mark yet.

    Raises:
        CorruptArtefact: its mark is damaged.
        OSError: this account may not read it.
    """
    try:
        content = (root / MARK).read_bytes()
    except FileNotFoundError:
        return PRIVATE.under(root)
    return parse_mark(content, str(root / MARK)).access.under(root)
