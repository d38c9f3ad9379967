"""What a candidate and a judgement are made from: typed keys, whose stored form is JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from recsys_tasks.core.config import IndexConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, parse_day
from recsys_tasks.core.errors import BadData, ConfigError
from recsys_tasks.core.records import Json, as_json
from recsys_tasks.recommenders.blend import Blend

CANDIDATE_FORMAT = 2
"""Version of a candidate's key. Before 2, it named one model, and no blend or catalogue; index, names and users are the
same."""


@dataclass(frozen=True)
class CandidateKey:
    """What a candidate is made from."""

    day: Day
    matrix: str  # digest
    components: tuple[str, ...]  # digests of the models
    blend: Blend
    catalogue: str | None  # digest of the snapshot; None without a catalogue
    index: Json  # parameters
    growing: int  # format of the index
    candidate: int = CANDIDATE_FORMAT
    cold: str | None = None  # digest of the factors of tracks without plays; None: there are none in it

    @property
    def digest(self) -> str:
        """The identity of the candidate."""
        return digest_of("candidate", self.to_json())

    @cached_property
    def parameters(self) -> IndexConfig:
        """The parameters that the index was built with."""
        return IndexConfig(**self.index)

    @property
    def component(self) -> str:
        """Digest of the component whose factors the index holds: the first."""
        return self.components[0]

    @property
    def models(self) -> tuple[str, ...]:
        """Digests of all models that it is made from."""
        beside = (each for each in (self.cold, self.blend.trees) if each)
        return (*self.components, *beside)

    def to_json(self) -> Json:
        """The stored form."""
        values = as_json(self) | {"blend": self.blend.to_json()}
        if self.cold is None:  # as before there was anything like it
            del values["cold"]
        if self.candidate >= CANDIDATE_FORMAT:
            return values
        older = {name: values[name] for name in ("day", "matrix", "index")} | {"model": self.component}
        return older | ({"growing": self.growing} if self.growing > 1 else {})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "CandidateKey":
        """From the stored form, that of before 2 too.

        Raises:
            BadData: it is no key of a candidate.
        """
        given = {"growing": 1, "candidate": 1, "catalogue": None, "blend": {"weights": [1.0]}, **values}
        try:
            components = tuple(given.pop("components", ())) or (given.pop("model"),)
            blend, day = Blend.from_json(given.pop("blend")), parse_day(given.pop("day"))
            return cls(day=day, components=components, blend=blend, **given)
        except (KeyError, TypeError, ConfigError) as error:
            raise BadData(f"This is no key of a candidate ({error}): {dict(values)}.") from None


@dataclass(frozen=True)
class JudgementKey:
    """What was judged, against what, and how."""

    day: Day
    candidate: str  # digest
    components: tuple[str, ...]  # digests of its models
    incumbent: str | None
    incumbent_release: int | None
    no_incumbent: str  # why there is none; empty where there is
    reference: str | None
    reference_release: int | None
    evaluation: Json  # parameters
    earlier_release: int | None = None  # a week older, compared where a day alone is too coarse

    @property
    def k(self) -> int:
        """Length of the lists that were scored."""
        return int(self.evaluation["k"])

    @property
    def digest(self) -> str:
        """The identity of the figures."""
        return digest_of("figures", self.to_json())

    def to_json(self) -> Json:
        """The stored form; without an earlier release it is what it was before there were any."""
        stored = as_json(self)
        return stored if self.earlier_release else {name: stored[name] for name in stored if name != "earlier_release"}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "JudgementKey":
        """From the stored form; an older one names its one ``model``."""
        given = dict(values)
        components = tuple(given.pop("components", ())) or (given.pop("model"),)
        return cls(components=components, **{**given, "day": parse_day(given["day"])})
