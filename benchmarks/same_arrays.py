"""Whether two stores hold the same arrays and tables, whatever their digests, their manifests and their versions say.

    python -m benchmarks.same_arrays STORE OTHER

A change that should leave every result as it was is shown by this: run the same days with the code before it and with
the code after it, each into a store of its own, and compare the two. An artefact of one store is compared with the
other's of the same kind and date; where a date has several, the equal ones are paired first. Arrays (.npy) must agree
in type, shape and every byte of their data, tables (.parquet) in what Arrow reads of them, and other files in all their
bytes. A file that was merely renamed counts as equal, and its new name is shown. Manifests and pages are not compared:
they hold digests, which a new format changes.

The command prints one line for each artefact and ends with exit code 0 when all are equal, otherwise with 1. It reads
files alone, and none of the library's code, so that it can open a store of any version.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

MANIFEST = "manifest.json"
IGNORED = {MANIFEST, "report.html"}
COMPARED = {"partitions", "matrices", "models", "bundles", "evaluations"}
LEFT_OUT = {"runs", "releases"}
"""Folders whose clocks and digests differ between any two stores."""
DAY_LENGTH = len("2026-01-05")


@dataclass(frozen=True, order=True)
class Slot:
    """What artefacts of two stores must share to be compared."""

    kind: str
    date: str


@dataclass(frozen=True)
class Comparison:
    """What was found of one artefact: ``equal``, ``differs`` or ``missing``, and which files that is about."""

    slot: Slot
    outcome: str
    detail: str

    def __str__(self) -> str:
        return f"{self.outcome:8}{self.slot.kind:12}{self.slot.date}  {self.detail}"


def main(arguments: Sequence[str]) -> int:
    """Compare two stores and print what was found; 0 when all artefacts are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("other", type=Path)
    args = parser.parse_args(arguments)
    comparisons = compare_stores(args.store, args.other)
    for comparison in comparisons:
        print(comparison)
    if skipped := sorted(uncompared_folders(args.store) | uncompared_folders(args.other)):
        print(f"not compared: {', '.join(skipped)}")
    equal = sum(comparison.outcome == "equal" for comparison in comparisons)
    print(f"{equal} of {len(comparisons)} artefacts are equal.")
    return 0 if comparisons and equal == len(comparisons) else 1


def compare_stores(store: Path, other: Path) -> list[Comparison]:
    """One comparison for each artefact that either store has, by kind and date."""
    first, second = artefacts_of(store), artefacts_of(other)
    slots = sorted(first.keys() | second.keys())
    return [found for slot in slots for found in compare_slot(slot, first.get(slot, []), second.get(slot, []))]


def artefacts_of(store: Path) -> Mapping[Slot, list[Path]]:
    """The directories of all artefacts of a store."""
    found: dict[Slot, list[Path]] = defaultdict(list)
    for path in sorted(store.glob("partitions/*")):
        found[Slot("partition", path.name)].append(path)
    for kind, folder in (("matrix", "matrices"), ("model", "models")):
        for path in sorted(store.glob(f"{folder}/*")):
            found[Slot(kind, path.name[:DAY_LENGTH])].append(path)
    for gated in sorted(store.glob(f"bundles/*/gated/{MANIFEST}")):
        date = str(json.loads(gated.read_bytes())["key"]["day"])
        for path in sorted(gated.parents[1].iterdir()):
            found[Slot(path.name.partition("-")[0], date)].append(path)
    for path in sorted(store.glob("evaluations/*/*/figures")):
        found[Slot("judgement", path.parents[1].name)].append(path)
    return found


def uncompared_folders(store: Path) -> set[str]:
    """Folders of a store that this comparison knows nothing of."""
    folders = {path.name for path in store.iterdir() if path.is_dir() and not path.name.startswith(".")}
    return folders - COMPARED - LEFT_OUT


def compare_slot(slot: Slot, first: Sequence[Path], second: Sequence[Path]) -> Iterator[Comparison]:
    """Pair the artefacts of one kind and date, those that are equal before the others."""
    left, right = list(first), list(second)
    for path in first:
        twin = next((candidate for candidate in right if not differences(path, candidate)), None)
        if twin is not None:
            left.remove(path)
            right.remove(twin)
            yield Comparison(slot, "equal", described(path, twin))
    for path, candidate in zip_longest(left, right):
        if path is None or candidate is None:
            here, there = ("first", "second") if candidate is None else ("second", "first")
            yield Comparison(slot, "missing", f"{(path or candidate).name} of the {here} store is not in the {there}")
        else:
            yield Comparison(slot, "differs", "; ".join(differences(path, candidate)))


def described(path: Path, twin: Path) -> str:
    """How many files were compared, and which of them have another name in the second store."""
    renamed = [f"{name} is now {new}" for name, new in renames(path, twin).items()]
    files = len(content_files(path))
    return "; ".join([f"{files} file{'s' if files > 1 else ''}", *renamed])


def differences(path: Path, other: Path) -> list[str]:
    """What sets two artefacts apart, a phrase for each file; nothing when they are equal."""
    ours, theirs, renamed = content_files(path), content_files(other), renames(path, other)
    changed = [name for name in sorted(ours.keys() & theirs.keys()) if not same_content(ours[name], theirs[name])]
    gone = sorted(ours.keys() - theirs.keys() - renamed.keys())
    new = sorted(theirs.keys() - ours.keys() - set(renamed.values()))
    groups = ((changed, "differs"), (gone, "is in the first store only"), (new, "is in the second store only"))
    return [f"{name} {what}" for names, what in groups for name in names]


def renames(path: Path, other: Path) -> dict[str, str]:
    """Name in the first artefact -> name of the same content in the second, of files that do not share a name."""
    ours, theirs = content_files(path), content_files(other)
    free, found = sorted(theirs.keys() - ours.keys()), {}
    for name in sorted(ours.keys() - theirs.keys()):
        twin = next((new for new in free if same_content(ours[name], theirs[new])), None)
        if twin is not None:
            free.remove(twin)
            found[name] = twin
    return found


def content_files(path: Path) -> dict[str, Path]:
    """The files of an artefact by name: those of its manifest, as a partition keeps earlier versions beside them."""
    manifest = path / MANIFEST
    names = json.loads(manifest.read_bytes())["files"] if manifest.is_file() else [each.name for each in path.iterdir()]
    return {name: path / name for name in names if name not in IGNORED}


def same_content(path: Path, other: Path) -> bool:
    """Whether two files hold the same; a file that is gone or cannot be read is equal to none."""
    if path.suffix != other.suffix:
        return False
    try:
        if path.suffix == ".npy":
            return same_arrays(np.load(path, mmap_mode="r"), np.load(other, mmap_mode="r"))
        if path.suffix == ".parquet":
            return same_tables(pq.read_table(path), pq.read_table(other))
        return same_arrays(np.memmap(path, np.uint8, "r"), np.memmap(other, np.uint8, "r"))
    except (OSError, ValueError, pa.ArrowException):
        return False


def same_arrays(values: npt.NDArray[np.generic], others: npt.NDArray[np.generic]) -> bool:
    """Equality of type, shape and bytes, by which a NaN equals itself and 0.0 is not -0.0."""
    if (values.dtype, values.shape) != (others.dtype, others.shape):
        return False
    ours, theirs = (np.ascontiguousarray(each).reshape(-1).view(np.uint8) for each in (values, others))
    return bool(np.array_equal(ours, theirs))


def same_tables(table: pa.Table, other: pa.Table) -> bool:
    """Equality of schema and values, column by column; a NaN, which a mean of nobody gives, equals itself."""
    return table.schema.equals(other.schema) and all(map(same_columns, table.columns, other.columns))


def same_columns(column: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """Equality of two columns of one type."""
    if not pa.types.is_floating(column.type):
        return bool(column.equals(other))
    return column.is_null().equals(other.is_null()) and same_arrays(column.to_numpy(), other.to_numpy())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
