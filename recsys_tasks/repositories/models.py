"""The stored models: one fitted component each.

models/<date>-<digest>/   the component's files; loss trace and parameters in the manifest
"""

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.domain import Day
from recsys_tasks.core.records import as_json, from_json
from recsys_tasks.recommenders.base import Arrays, TrainingFigures
from recsys_tasks.recommenders.keys import ModelKey, StoredModel
from recsys_tasks.storage.artefacts import Artefact
from recsys_tasks.storage.store import ArtefactStore, day_in

FOLDER = "models"


class Models:
    """The models in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def holds(self, day: Day, digest: str) -> bool:
        """Whether this model is stored."""
        return self._store.holds(model_name(day, digest))

    def save(self, key: ModelKey, files: Arrays, figures: TrainingFigures) -> None:
        """Store the files of a component under its key."""
        self._store.put(model_name(key.day, key.digest), key.digest, key.to_json(), files, as_json(figures))

    def find(self, day: Day, digest: str) -> tuple[ModelKey, TrainingFigures] | None:
        """What a model was made from and what its training recorded, from its manifest; None where it is gone."""
        if not self.holds(day, digest):
            return None
        manifest = self._store.manifest(model_name(day, digest))
        return ModelKey.from_json(manifest.key), from_json(TrainingFigures, manifest.figures)

    def day_of(self, digest: str) -> Day | None:
        """The date of a stored model; None where it is gone."""
        names = [name for name in self._store.names(FOLDER) if name.endswith(f"-{digest[:SHORT]}")]
        return day_in(names[0]) if names else None

    def key(self, day: Day, digest: str) -> ModelKey:
        """What a stored model was made from."""
        return ModelKey.from_json(self._store.manifest(model_name(day, digest)).key)

    def figures(self, day: Day, digest: str) -> TrainingFigures:
        """What the training of a stored model recorded."""
        return from_json(TrainingFigures, self._store.manifest(model_name(day, digest)).figures)

    def of(self, day: Day) -> list[StoredModel]:
        """The stored models of a date."""
        names = [name for name in self._store.names(FOLDER) if name.startswith(f"{day.isoformat()}-")]
        manifests = [self._store.manifest(f"{FOLDER}/{name}") for name in names]
        return [StoredModel(each.digest, ModelKey.from_json(each.key)) for each in manifests]

    def load(self, day: Day, digest: str, only: tuple[str, ...] = ()) -> Artefact:
        """The files of a model, verified.

        Args:
            day: its date.
            digest: its key's.
            only: names of the arrays that are asked for; empty: all.
        """
        return self._store.open(model_name(day, digest), digest, only=tuple(f"{name}.npy" for name in only))


def arrays_of(artefact: Artefact) -> Arrays:
    """The arrays of a verified artefact, mapped read-only, by name."""
    names = [name.removesuffix(".npy") for name in artefact.manifest.files if name.endswith(".npy")]
    return {name: artefact.array(name, mapped=True) for name in names}


def model_name(day: Day, digest: str) -> str:
    """Where the model of this date and key lies, or would lie."""
    return f"{FOLDER}/{day.isoformat()}-{digest[:SHORT]}"
