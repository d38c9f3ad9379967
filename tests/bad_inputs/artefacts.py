"""Cases 54 to 58: factors, the index, manifests, and the log that says what is live."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from annoy import AnnoyIndex
from planting import plant

from bad_inputs.cases import case, little_memory, overwrite, refused
from recsys_tasks.core.digests import FORMAT, canonical_json, digest_of
from recsys_tasks.core.domain import parse_day
from recsys_tasks.core.errors import BadData, CorruptArtefact
from recsys_tasks.core.records import Json
from recsys_tasks.index.annoy_index import build_trees
from recsys_tasks.recommenders.vectors import Played, check_query
from recsys_tasks.release.bundle import open_gated
from recsys_tasks.release.bundles import GATED, bundle_name, part_name
from recsys_tasks.release.releases import LOG
from recsys_tasks.serving.reader import Reader
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.stored_models import open_model
from recsys_tasks.storage.artefacts import Artefact, open_artefact, read_manifest, save_artefact
from recsys_tasks.storage.manifest import MANIFEST

FEW = np.arange(3, dtype=np.uint32)


def live_index(at: Workplace) -> Path:
    """The directory of the gated part that is live."""
    return at.store.root / part_name(at.releases.log().require_live().candidate, GATED)


def small(folder: Path) -> Artefact:
    """A stored artefact of one small array."""
    return save_artefact(folder, folder / "things" / "one", digest_of("one"), {}, {"values": FEW})


@case(54, "factors that are NaN or infinite")
def factors_not_finite(copied, tmp_path):
    """They are refused before there is an index: Annoy would build one, and answer from it."""
    (model,) = copied.store.root.glob("models/2026-01-15-*")
    for name, value in (("user_factors", np.nan), ("item_factors", np.inf)):
        sound = open_artefact(model).array(name)
        wrong = sound.copy()
        wrong[2, 0] = value
        plant(model, **{name: wrong})
        with refused(BadData, f"1 {name[:4]} factors are not finite", str(model), "remove that directory"):
            open_model(copied, parse_day("2026-01-15"), read_manifest(model).digest)
        plant(model, **{name: sound})
        with refused(BadData, "non-finite factor"):
            build_trees(np.array([[1, value]], np.float32), str(tmp_path / "index.ann"), 2, 1)
    assert not (tmp_path / "index.ann").exists()


@case(55, "factors and an index of other dimensions, or of another metric")
def other_dimension(copied):
    """Refused when they are opened, though all sizes may be right: the first search would end the process."""
    gated = live_index(copied)
    factors = np.array(open_artefact(gated).array("ranked_factors"))
    plant(gated, ranked_factors=np.ascontiguousarray(factors[:, :-1]))
    with refused(CorruptArtefact, "index.ann", f"of {factors.shape[1] - 1} factors"):
        open_gated(open_artefact(gated))
    plant(gated, ranked_factors=factors)
    with refused(BadData, "User vectors of shape (1, 3) do not fit 40 factors"):
        check_query(np.zeros((1, 3), np.float32), Played(np.zeros(2, int), np.zeros(0, int)), 10, None, (9, 40))
    angular = AnnoyIndex(factors.shape[1] + 1, "angular")  # a node of it is as long as one of ours
    for rank, vector in enumerate(factors):
        angular.add_item(rank, [*vector, 1.0])
    angular.build(2)
    angular.save(str(gated.parent / "angular.ann"))
    plant(gated, index=(gated.parent / "angular.ann").read_bytes())
    with refused(CorruptArtefact, "index.ann", "factors, euclidean distances", "build the index again"):
        open_gated(open_artefact(gated))


@case(56, "an index that is empty, cut, zeroed, flipped, or has two pages swapped")
def damaged_index(copied):
    """Each is refused by its checksum before Annoy maps it, which would notice none of them."""
    file = live_index(copied) / "index.ann"
    sound, page = file.read_bytes(), 4096
    flipped = bytearray(sound)
    flipped[len(sound) // 3] ^= 1
    swapped = sound[page : 2 * page] + sound[:page] + sound[2 * page :]
    for content in (b"", sound[: len(sound) // 2], bytes(len(sound)), bytes(flipped), swapped):
        overwrite(file, content)
        with refused(CorruptArtefact, str(file), "manifest"):
            Reader(copied.store)
    overwrite(file, sound)
    assert Reader(copied.store).entry.release == 3


def sealed(values: Any) -> bytes:
    """A manifest of any values, with its checksum put right."""
    return canonical_json(values | {"sha256": digest_of("manifest", values)})


NAMELESS: Json = {"format": FORMAT, "place": "", "digest": "d", "key": {}, "figures": {}}
MANIFESTS: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"[" * 100_000,
    b"\xff",
    *(sealed(NAMELESS | {"files": {name: {"size": 1, "sha256": "0"}}}) for name in ("a/b", "..", "/etc/passwd", "")),
]


@case(57, "a manifest that is missing, none, too new, of another place, or names what lies elsewhere")
def bad_manifest(tmp_path):
    """It vouches for nothing and nothing is opened; what it does not name is never read."""
    thing = small(tmp_path)
    file = thing.path / MANIFEST
    sound = file.read_bytes()
    values = {name: value for name, value in json.loads(sound).items() if name != "sha256"}
    assert sealed(values) == sound
    wrong: list[Json] = [
        {"format": 2},
        {"files": ["values.npy"]},
        {"files": {"values.npy": {"size": 140}}},
        {"place": "things/another"},
        {"place": "one/things/one"},
        {"place": None},
    ]
    for content in (
        *MANIFESTS,
        *(sealed(values | each) for each in wrong),
        sound.replace(b'"size":140', b'"size":141'),
        sound + b"x",
    ):
        overwrite(file, content)
        with refused(CorruptArtefact, str(file)):
            open_artefact(thing.path)
    with file.open("wb") as much:
        os.truncate(much.fileno(), 1 << 30)
    with refused(CorruptArtefact, "is not a plain manifest"):
        open_artefact(thing.path)
    file.unlink()
    with refused(CorruptArtefact, str(file), "is missing"):
        open_artefact(thing.path)
    (tmp_path / "elsewhere").write_bytes(sound)
    file.symlink_to(tmp_path / "elsewhere")
    with refused(CorruptArtefact, "is not a plain manifest"):
        open_artefact(thing.path)
    _only_what_it_names(thing.path, sound)


def _only_what_it_names(path: Path, manifest: bytes) -> None:
    """A file beside the others is not read; one that is a link to elsewhere is refused."""
    (path / MANIFEST).unlink()
    (path / MANIFEST).write_bytes(manifest)
    np.save(path / "stray.npy", FEW)
    opened = open_artefact(path)
    assert opened.array("values").tolist() == [0, 1, 2]
    with refused(CorruptArtefact, "stray.npy is not among the files of its manifest"):
        opened.array("stray")
    (path / "values.npy").rename(path.parent / "elsewhere.npy")
    (path / "values.npy").symlink_to(path.parent / "elsewhere.npy")
    with refused(CorruptArtefact, "values.npy is missing"):
        open_artefact(path)


@case(58, "a newest log entry that is empty, huge, followed by garbage, or names nothing")
def bad_pointer(copied):
    """New readers refuse, the open one keeps what it has and says why, and never does an older release go live."""
    reader, newest = Reader(copied.store), copied.store.root / LOG / "3.json"
    sound = newest.read_bytes()

    def is_refused(*said: str) -> None:
        with refused(CorruptArtefact, *said):
            Reader(copied.store)
        assert str(reader.refresh()).startswith("release 3 is kept: ")
        assert reader.recommend(5).release == 3

    for content in (b"", b"[" * 100_000, b'{"number": 3}', sound[:-1], sound + b"x", sound.replace(b":3,", b":2,")):
        overwrite(newest, content)
        is_refused(str(newest), "is not a sound log entry", "until it is restored from a backup")
    os.truncate(newest, 1 << 30)
    with little_memory():
        is_refused(str(newest), "is not a sound log entry")
    overwrite(newest, sound)
    live = copied.releases.log().require_live()
    copied.releases.append(replace(live, number=4, release=4, candidate="f" * 64))
    is_refused("ffff", "the files of release 4, is gone", "rollback")
    (copied.store.root / LOG / "4.json").unlink()
    shutil.rmtree(copied.store.root / bundle_name(live.candidate))
    with refused(CorruptArtefact, "roll back to another release"):
        Reader(copied.store)
