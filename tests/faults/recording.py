"""A process that reports every operation on the files below a directory, in their order, and may die before one.

Names and nodes are distinguished as by a file system: a name lies in a directory and leads to a node, which is a file
with content or a directory. Content is reported when the next operation is seen, whoever has written it.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from recsys_tasks.storage.temporary import TEMPORARY

ANCHOR = 0


class Op(NamedTuple):
    """One operation. A name is set in ``directory``, taken from ``source``, or both."""

    kind: str  # name, rename, unname, data, sync, or done: a promise was given
    node: int
    directory: int = -1
    name: str = ""
    source: int = -1
    source_name: str = ""
    content: bytes = b""
    outside: bool = True  # whether a name is touched that lies outside the temporary directory
    promise: Any = None


Report = Callable[[Op], None]
Known = dict[str, int]  # path below the anchor -> node


class Recorder:
    """Wraps what ``os`` offers to change files; for a process that ends soon, since nothing is put back."""

    def __init__(self, anchor: Path, report: Report, known: Known, die_before: int = 0) -> None:
        self._anchor, self._report, self._die_before = anchor.resolve(), report, die_before
        self._turn = RLock()  # components are trained, and stored, by several threads
        self._made, self._next = 0, max(known.values(), default=ANCHOR) + 1
        self._nodes: dict[int, int] = {}  # inode -> node
        self._names: set[tuple[int, str]] = set()
        self._seen: dict[int, tuple[int, int]] = {}  # node -> size and instant of its content
        for path, node in {"": ANCHOR, **known}.items():
            file = self._anchor / path
            self._nodes[file.stat().st_ino] = node
            self._seen[node] = _stamp(file)
            if path:
                self._names.add((known.get(str(Path(path).parent), ANCHOR), file.name))
        self._look()
        for name in ("mkdir", "rename", "link", "unlink", "remove", "rmdir", "fsync"):
            setattr(os, name, self._wrapped(name, getattr(os, name)))

    def promise(self, what: Any) -> None:
        """Report that something was promised to somebody."""
        with self._turn:
            self._look()
            self._report(Op("done", -1, promise=what))

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            path = _path(args[0], options.get("dir_fd"))
            if not path.is_relative_to(self._anchor):
                return original(*args, **options)
            with self._turn:
                return reported(path, args, options)

        def reported(path: Path, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            self._look()
            self._made += 1
            if self._made == self._die_before:
                os._exit(9)
            before = self._node(path) if name != "mkdir" else -1
            freed = _freed(name, path, args)
            result = original(*args, **options)
            self._nodes = {inode: node for inode, node in self._nodes.items() if inode != freed}
            self._report(self._op(name, path, before, args))
            return result

        return call

    def _op(self, name: str, path: Path, node: int, args: tuple[Any, ...]) -> Op:
        if name == "fsync":
            return Op("sync", node)
        if name in ("mkdir", "link"):
            target = path if name == "mkdir" else Path(args[1])
            return self._named(target)
        self._names.discard((self._node(path.parent), path.name))
        if name == "rename":
            target = Path(args[1])
            named = self._named(target)
            outside = named.outside or _outside(path)
            return named._replace(kind="rename", source=self._node(path.parent), source_name=path.name, outside=outside)
        return Op("unname", node, source=self._node(path.parent), source_name=path.name, outside=_outside(path))

    def _named(self, path: Path) -> Op:
        directory = self._node(path.parent)
        self._names.add((directory, path.name))
        return Op("name", self._node(path), directory, path.name, outside=_outside(path))

    def _look(self) -> None:
        """Report names and content that have appeared without a call of ``os``."""
        for path in _below(self._anchor):
            node, parent = self._node(path), self._node(path.parent)
            if (parent, path.name) not in self._names:
                self._report(self._named(path))
            if path.is_file() and self._seen.get(node) != _stamp(path):
                self._seen[node] = _stamp(path)
                self._report(Op("data", node, content=path.read_bytes()))

    def _node(self, path: Path) -> int:
        """The node that a path leads to; an inode number that was given away anew is another node."""
        status = path.stat()
        node = self._nodes.get(status.st_ino)
        if node is None:
            node = self._nodes[status.st_ino] = self._next
            self._next += 1
        return node


def _freed(name: str, path: Path, args: tuple[Any, ...]) -> int:
    """The inode whose last name the call takes away; its number may be given to another file."""
    doomed = {"unlink": path, "remove": path, "rmdir": path, "rename": Path(str(args[-1]))}.get(name)
    if doomed is None or not doomed.exists() or (doomed.is_dir() and name == "rename"):
        return -1
    status = doomed.stat()
    return status.st_ino if doomed.is_dir() or status.st_nlink == 1 else -1


def _path(given: Any, directory: int | None) -> Path:
    """The path that a call of ``os`` means."""
    if isinstance(given, int):
        return Path(os.readlink(f"/proc/self/fd/{given}"))
    return Path(os.readlink(f"/proc/self/fd/{directory}"), given) if directory is not None else Path(given)


def _below(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(folders + files))


def _outside(path: Path) -> bool:
    return TEMPORARY not in path.parts


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
