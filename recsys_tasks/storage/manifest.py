"""The manifest of an artefact: what it was made from, what was measured, and checksums of its files and of itself.

It also carries its own place in the store, so that one artefact never passes for another.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath

from recsys_tasks.core.digests import FORMAT, canonical_json, digest_of
from recsys_tasks.core.errors import BadData
from recsys_tasks.core.records import Json
from recsys_tasks.storage.sizes import check_size

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 1 << 24
"""Bytes: a larger file is no manifest of ours, and is not read into memory."""


@dataclass(frozen=True)
class StoredFile:
    """What the manifest says of a file."""

    size: int  # bytes
    sha256: str  # hexadecimal
    unpacked: int | None = None
    """Bytes that its values take in memory, whatever packs them on the disk; None of what is no table, or was stored by
    a version that did not say so."""

    def to_json(self) -> Json:
        """The stored form; without a table it is what it was before there were sizes of them."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Manifest:
    """What vouches for a stored artefact."""

    digest: str
    """Of the input key, in full; of a partition, of its play counts."""
    key: Json
    """What the artefact was made from."""
    figures: Json = field(default_factory=dict)
    """What was measured while it was made; no clock, memory, run or person."""
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    place: str = ""
    """Name of the artefact in its store; empty: the manifest is good anywhere."""

    def sealed(self) -> bytes:
        """The manifest as it is stored, with a checksum over itself.

        Raises:
            BadData: nobody could read it again.
        """
        files = {name: file.to_json() for name, file in self.files.items()}
        values = {"format": FORMAT, "place": self.place, "digest": self.digest, "key": dict(self.key)}
        values |= {"figures": dict(self.figures), "files": files}
        try:
            content = canonical_json(values | {"sha256": digest_of("manifest", values)})
            parse_manifest(content, self.place)
        except ValueError as error:
            raise BadData(f"The manifest of {self.place or 'an artefact'} would be none: it {error}.") from None
        check_size(f"The manifest of {self.place}", content, LARGEST_MANIFEST)
        return content


class NotAManifest(ValueError):
    """These bytes are no manifest that could be trusted; the text says why."""


def parse_manifest(content: bytes, name: str) -> Manifest:
    """A manifest from its stored bytes.

    Args:
        content: the stored bytes.
        name: of the artefact, or a path that ends in it.

    Raises:
        NotAManifest: the bytes are unreadable, altered, of another format or place, or name a file elsewhere.
    """
    try:
        values = json.loads(content)
        sound = values["format"] == FORMAT and isinstance(values["digest"], str)
        sound = sound and isinstance(values["key"], dict) and isinstance(values["figures"], dict)
        files = {file: StoredFile(of["size"], of["sha256"], of.get("unpacked")) for file, of in values["files"].items()}
        manifest = Manifest(values["digest"], values["key"], values["figures"], files, values["place"])
        place, sealed = PurePosixPath(manifest.place).parts, _is_sealed(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotAManifest(f"is missing or unreadable ({type(error).__name__})") from None
    if not sound or any(PurePosixPath(file).name != file or file in ("", ".", "..") for file in files):
        raise NotAManifest(f"is not of format {FORMAT}, or names a file outside its directory")
    if not sealed:
        raise NotAManifest("differs from its own checksum")
    parts = PurePosixPath(name).parts
    if place != parts[len(parts) - len(place) :]:
        raise NotAManifest(f"belongs to {manifest.place}")
    return manifest


def _is_sealed(content: bytes) -> bool:
    """Whether the bytes are those that were sealed: the checksum of the rest stands at their end.

    What was hashed is put together from the bytes themselves: making them anew from their values takes four times as
    long as everything else.
    """
    rest, mark, end = content.rpartition(b',"sha256":"')
    sealed = b'[%d,"manifest",%s}]' % (FORMAT, rest)  # as ``digest_of`` writes it
    return bool(mark) and end == hashlib.sha256(sealed).hexdigest().encode() + b'"}'
