"""Objects of a store, damaged behind its back: as a disk or a bucket would."""

from recsys_tasks.storage.store import ArtefactStore


def flip(store: ArtefactStore, name: str) -> None:
    """Change one byte in the middle of an object, whose manifest still vouches for what was there."""
    content = bytearray(store.read(name))
    content[len(content) // 2] ^= 0xFF
    store.replace(name, bytes(content))
