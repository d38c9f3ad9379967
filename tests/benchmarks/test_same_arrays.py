"""The comparison of two stores sees content, and nothing but content."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.same_arrays import Comparison, compare_stores, main

DAY = "2026-02-03"
FACTORS = np.array([[0.5, np.nan], [1.0, 2.0]], np.float32)
FIGURES = pa.table({"precision": [0.1, float("nan"), None], "hidden": [1, 2, 3]})


def write_part(path: Path, digest: str = "d1", **contents: "np.ndarray | pa.Table | bytes") -> None:
    """Write files and a manifest that names them."""
    path.mkdir(parents=True)
    names = {}
    for name, content in contents.items():
        if isinstance(content, np.ndarray):
            names[f"{name}.npy"] = {}
            np.save(path / f"{name}.npy", content)
        elif isinstance(content, pa.Table):
            names[f"{name}.parquet"] = {}
            pq.write_table(content, path / f"{name}.parquet")
        else:
            names[f"{name}.ann"] = {}
            (path / f"{name}.ann").write_bytes(content)
    (path / "manifest.json").write_text(json.dumps({"digest": digest, "key": {"day": DAY}, "files": names}))


def write_store(root: Path, digest: str = "d1", model_file: str = "item_factors") -> Path:
    """A store of one date, with every kind of artefact."""
    write_part(root / "partitions" / DAY, digest, plays=FIGURES)
    write_part(root / "matrices" / f"{DAY}-{digest}", digest, plays=np.arange(3, dtype=np.uint32))
    write_part(root / "models" / f"{DAY}-{digest}", digest, **{model_file: FACTORS})
    write_part(root / "bundles" / digest / "gated", digest, index=bytes(range(64)), ranked_norms=FACTORS[0])
    write_part(root / "bundles" / digest / "names", digest, names=pa.table({"title": ["a", None]}))
    write_part(root / "bundles" / digest / f"users-{digest}", digest, cols=np.arange(5))
    write_part(root / "evaluations" / DAY / f"{digest}-none" / "figures", digest, per_user=FIGURES)
    return root


def found(store: Path, other: Path, outcome: str) -> list[Comparison]:
    """The comparisons that ended like this."""
    return [comparison for comparison in compare_stores(store, other) if comparison.outcome == outcome]


def test_another_digest_alone_is_no_difference(tmp_path):
    """Stores whose digests, directories and manifests differ are equal when their contents are, NaN included."""
    store, other = write_store(tmp_path / "a"), write_store(tmp_path / "b", "d2")

    assert len(found(store, other, "equal")) == 7
    assert main([str(store), str(other)]) == 0


FLIPPED = [
    f"partitions/{DAY}/plays.parquet",
    f"matrices/{DAY}-d1/plays.npy",
    f"models/{DAY}-d1/item_factors.npy",
    "bundles/d1/gated/index.ann",
    "bundles/d1/names/names.parquet",
    "bundles/d1/users-d1/cols.npy",
    f"evaluations/{DAY}/d1-none/figures/per_user.parquet",
]


@pytest.mark.parametrize("name", FLIPPED)
def test_a_flipped_byte_is_seen(tmp_path, name):
    """One changed byte in the contents of any artefact makes that artefact, and no other, differ."""
    store, other = write_store(tmp_path / "a"), write_store(tmp_path / "b")
    file = other / name
    content = bytearray(file.read_bytes())
    place = len(content) - 1 if file.suffix != ".parquet" else 8  # in the data: at a Parquet file's end is its schema
    content[place] ^= 1
    file.write_bytes(content)

    assert [comparison.detail for comparison in found(store, other, "differs")] == [f"{file.name} differs"]
    assert len(found(store, other, "equal")) == 6
    assert main([str(store), str(other)]) == 1


def test_a_renamed_file_is_equal_and_named(tmp_path):
    """An array under a new file name is found by its content."""
    store, other = write_store(tmp_path / "a"), write_store(tmp_path / "b", model_file="items")

    details = [comparison.detail for comparison in found(store, other, "equal") if comparison.slot.kind == "model"]
    assert details == ["1 file; item_factors.npy is now items.npy"]


def test_a_missing_artefact_is_said(tmp_path):
    """An artefact that only one of the stores has counts as missing, in whichever of them it is."""
    store, other = write_store(tmp_path / "a"), write_store(tmp_path / "b")
    shutil.rmtree(other / "models")

    assert [str(each.slot.kind) for each in found(store, other, "missing")] == ["model"]
    assert [str(each.slot.kind) for each in found(other, store, "missing")] == ["model"]


def test_the_equal_one_of_several_is_its_twin(tmp_path):
    """Where a date has two models, each is compared with the one that it equals, whatever their names' order."""
    store, other = write_store(tmp_path / "a"), write_store(tmp_path / "b")
    write_part(store / "models" / f"{DAY}-e9", item_factors=FACTORS + 1)
    write_part(other / "models" / f"{DAY}-c0", item_factors=FACTORS + 1)

    assert len(found(store, other, "equal")) == 8


def test_two_empty_stores_prove_nothing(tmp_path):
    """Stores without artefacts do not count as equal: a mistyped path must not pass."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()

    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 1
