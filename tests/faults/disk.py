"""What a disk may hold after a power loss, by the rules that a file system promises, and by nothing else.

A name survives when the directory that it was set in (or taken from) was synced afterwards, content when its file was.
Whatever else was done may be there or not, each by itself; content that was not synced may be whole, missing, half,
zeros or rubbish. This is less than common file systems give, and all that POSIX promises.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import inf
from random import Random

from faults.recording import ANCHOR, Known, Op
from recsys_tasks.storage.temporary import TEMPORARY

Files = dict[str, bytes | None]  # path below the anchor -> content; None for a directory
Torn = Callable[[bytes], bytes]
TORN: tuple[Torn, ...] = (
    lambda content: content,
    lambda content: b"",
    lambda content: content[: len(content) // 2],
    lambda content: bytes(len(content)),
    lambda content: hashlib.sha256(content).digest() * (len(content) // 32 + 1),
)
EVERY_SUBSET = 5
"""With at most so many unsettled names, each subset of them is tried."""


class Trace:
    """What a process did to a disk, and which of it had settled when. ``without``: a sync that was left out."""

    def __init__(self, start: Sequence[Op], ops: Sequence[Op], without: int = -1) -> None:
        self._start, self._ops = start, ops
        synced: dict[int, int | float] = {}
        self._settled: list[int | float] = [inf] * len(ops)
        for n in range(len(ops) - 1, -1, -1):
            op = ops[n]
            if op.kind == "sync" and n != without:
                synced[op.node] = n
            elif op.kind == "data":
                self._settled[n] = synced.get(op.node, inf)
            elif op.kind in ("name", "rename", "unname"):
                self._settled[n] = min(synced.get(op.directory, inf), synced.get(op.source, inf))
        self._regular = {op.node for op in [*start, *ops] if op.kind == "data"}
        self._public = _seen_outside([*start, *ops])

    def flushes(self, n: int) -> bool:
        """Whether anything that may be seen settles by the sync at place n."""
        return any(settled == n and self._pending(i, n) for i, settled in enumerate(self._settled))

    def after(self, n: int, random: Random) -> Iterator[Files]:
        """The states that may be found when the power fails after n operations."""
        names = [i for i in range(n) if self._ops[i].kind != "data" and self._pending(i, n)]
        contents = {self._ops[i].node for i in range(n) if self._ops[i].kind == "data" and self._pending(i, n)}
        seen = set()
        for lost in _subsets(names, random):
            for torn in TORN if contents else TORN[:1]:
                files = self._files(n, lost, contents, torn)
                key = frozenset(files.items())
                if key not in seen:
                    seen.add(key)
                    yield files

    def live(self) -> Known:
        """The names as they are when nothing is lost: path -> node."""
        return self._walk(self._names(len(self._ops), frozenset()))

    def _pending(self, i: int, n: int) -> bool:
        op = self._ops[i]
        return (
            op.kind in ("name", "rename", "unname", "data")
            and self._settled[i] >= n
            and (op.outside or op.directory in self._public or op.source in self._public)
            and op.name != TEMPORARY
        )

    def _files(self, n: int, lost: frozenset[int], unsure: set[int], torn: Torn) -> Files:
        content = dict.fromkeys(self._regular, b"")
        for op in [*self._start, *self._ops[:n]]:
            if op.kind == "data":
                content[op.node] = torn(op.content) if op.node in unsure else op.content
        found = self._walk(self._names(n, lost))
        return {path: content.get(node) for path, node in found.items() if TEMPORARY not in path.split("/")}

    def _names(self, n: int, lost: frozenset[int]) -> dict[int, dict[str, int]]:
        """Directory -> its names."""
        names: dict[int, dict[str, int]] = {}
        done = [op for i, op in enumerate(self._ops[:n]) if i not in lost]
        for op in [*self._start, *done]:
            if op.source >= 0 and names.get(op.source, {}).get(op.source_name) == op.node:
                del names[op.source][op.source_name]
            if op.directory >= 0:
                names.setdefault(op.directory, {})[op.name] = op.node
        return names

    @staticmethod
    def _walk(names: dict[int, dict[str, int]]) -> Known:
        found: Known = {}
        todo = [("", ANCHOR)]
        while todo:
            path, node = todo.pop()
            for name, child in names.get(node, {}).items():
                found[f"{path}{name}"] = child
                todo.append((f"{path}{name}/", child))
        return found


def _seen_outside(ops: Sequence[Op]) -> set[int]:
    """The nodes that ever had a name outside the temporary directory, and all that lies below them."""
    found, more = set[int](), {ANCHOR}
    while more:
        found |= more
        named = (op for op in ops if op.directory >= 0 and op.name != TEMPORARY)
        more = {op.node for op in named if op.outside or op.directory in found} - found
    return found


def _subsets(names: Sequence[int], random: Random) -> Iterator[frozenset[int]]:
    """Which of the unsettled names are lost: every subset of a few; of many none, each, all but each, all, some."""
    if len(names) <= EVERY_SUBSET:
        yield from (frozenset(some) for size in range(len(names) + 1) for some in combinations(names, size))
        return
    every = frozenset(names)
    yield from (frozenset(), every)
    for name in names:
        yield from (frozenset([name]), every - {name})
    yield from (frozenset(name for name in names if random.random() < 0.5) for _ in names)
