"""The identity of a stored model, and which stored model a training begins with. Typed records in, digests out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.records import Json, as_json

OLDEST_FORMAT = 1
"""Of models whose key names none."""


@dataclass(frozen=True)
class ModelKey:
    """What a model was made from."""

    day: Day
    matrix: str  # digest
    split: str | None  # digest; None for a model of a format before 4, which names the split's settings
    recommender: str
    parameters: Json
    training: int  # format of the way from data to files
    backend: Json | None  # name and version; None before format 4
    parent: str | None  # digest of the model that the training began with
    hidden: Json | None = None  # settings of the split, of a format before 4

    @property
    def digest(self) -> str:
        """The identity of the model."""
        return digest_of("model", self.to_json())

    @property
    def als(self) -> AlsConfig:
        """The parameters of ALS that it was trained with: the configuration may say others by now."""
        return AlsConfig(**self.parameters)

    def to_json(self) -> Json:
        """The stored form."""
        values = as_json(self)
        if self.split is None:
            return _before_4(values)
        del values["hidden"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ModelKey":
        """From the stored form, that of before 4 too."""
        given = {"training": OLDEST_FORMAT, **values, "day": parse_day(values["day"])}
        if "als" not in given:
            return cls(**given)
        parameters = given.pop("als")
        return cls(split=None, recommender="als", parameters=parameters, backend=None, **given)

    def differs_only_in_parent(self, other: "ModelKey") -> bool:
        """Whether a model of this key is as good as one of the other: a rerun finds it, whatever it began with."""
        return {**vars(self), "parent": None} == {**vars(other), "parent": None}


@dataclass(frozen=True)
class StoredModel:
    """A model that lies in the store."""

    digest: str
    key: ModelKey


def model_to_reuse(wanted: ModelKey, stored: Iterable[StoredModel], published: Sequence[str]) -> str | None:
    """Digest of a stored model that makes a training needless; None where there is none.

    Its parent may be gone by now, or there may be a better one; that is no reason to train the same day again.

    Args:
        wanted: key of the training, whose parent does not matter.
        stored: models of the same date.
        published: digests of the models of all releases, newest first: one of these goes first.
    """
    same = [model.digest for model in stored if model.key.differs_only_in_parent(wanted)]
    return _first_of(published, same)


def model_to_begin_with(
    wanted: ModelKey,
    prefix: str,
    yesterday: Iterable[StoredModel],
    refused: Collection[str],
    published: Sequence[str],
) -> str | None:
    """Digest of the parent: yesterday's model of a prefix of the matrix and of equal parameters that was not refused.

    Args:
        wanted: key of the training.
        prefix: digest of the matrix of that date.
        yesterday: models of the date before, or of an earlier one where that has none to begin with.
        refused: digests of models whose candidate the gate refused for what it is.
        published: digests of the models of all releases, newest first: one of these goes first.
    """
    sound = [
        model.digest
        for model in yesterday
        if model.key.matrix == prefix
        and (model.key.recommender, model.key.parameters) == (wanted.recommender, wanted.parameters)
        and model.digest not in refused
    ]
    return _first_of(published, sound)


def _first_of(preferred: Sequence[str], digests: Collection[str]) -> str | None:
    """The first preferred one among digests; else the least of these, so that the choice is always the same."""
    return next((digest for digest in preferred if digest in digests), min(digests, default=None))


def _before_4(values: Json) -> Json:
    """The stored form of a key that names no split."""
    older = {"als": values["parameters"], "hidden": values["hidden"]}
    names = ("day", "matrix", "parent", *(["training"] if values["training"] > OLDEST_FORMAT else []))
    return older | {name: values[name] for name in names}
