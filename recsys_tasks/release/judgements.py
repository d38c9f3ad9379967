"""The stored judgements: a candidate against an incumbent, with its figures, its verdict and its report.

evaluations/<date>/<candidate>-<incumbent>/figures/      figures of single listeners and their means, samples
evaluations/<date>/<candidate>-<incumbent>/verdict/      what the gate said, and by which policy
evaluations/<date>/<candidate>-<incumbent>/report.html   the page about it
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.domain import Day, Figures, Verdict
from recsys_tasks.core.errors import NotStored
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.release.keys import JudgementKey
from recsys_tasks.storage.artefacts import Artefact
from recsys_tasks.storage.store import ArtefactStore, day_in

FOLDER, FIGURES, VERDICT, REPORT = "evaluations", "figures", "verdict", "report.html"


@dataclass(frozen=True, order=True)
class Judgement:
    """Which judgement: its date, and ``<candidate>-<incumbent>`` by their first digits, ``none`` without incumbent."""

    day: Day
    name: str

    @property
    def place(self) -> str:
        """Where it lies."""
        return f"{FOLDER}/{self.day.isoformat()}/{self.name}"


@dataclass(frozen=True)
class JudgedFigures:
    """The stored figures of a judgement, verified."""

    key: JudgementKey
    figures: Figures
    artefact: Artefact

    @property
    def per_user(self) -> dict[str, npt.NDArray[np.float64]]:
        """Name -> value of each scored listener, NaN where a listener has none. (n_scored,) each."""
        table = self.artefact.table("per_user")
        return {name: np.asarray(table.column(name)) for name in table.column_names}

    @property
    def samples(self) -> pa.Table:
        """Five listeners without ids: listener, kind, place, title, artist, hit."""
        return self.artefact.table("samples")


def judgement_of(day: Day, candidate: str, incumbent: str | None) -> Judgement:
    """The judgement of a candidate against an incumbent, by their digests."""
    return Judgement(day, f"{candidate[:SHORT]}-{incumbent[:SHORT] if incumbent else 'none'}")


class Judgements:
    """The judgements in a store."""

    def __init__(self, store: ArtefactStore) -> None:
        self._store = store

    def of(self, day: Day | None = None, candidate: str = "") -> list[Judgement]:
        """Stored judgements, by date: of one date or of all, of one candidate or of all."""
        days = [day] if day else [date for name in self._store.names(FOLDER) if (date := day_in(name))]
        found = [
            Judgement(date, name)
            for date in days
            for name in self._store.names(f"{FOLDER}/{date.isoformat()}")
            if name.startswith(candidate[:SHORT])
        ]
        return [judgement for judgement in found if self.is_evaluated(judgement)]

    def is_evaluated(self, judgement: Judgement) -> bool:
        """Whether its figures are stored."""
        return self._store.holds(f"{judgement.place}/{FIGURES}")

    def is_judged(self, judgement: Judgement) -> bool:
        """Whether its verdict is stored."""
        return self._store.holds(f"{judgement.place}/{VERDICT}")

    def save_figures(
        self, judgement: Judgement, key: JudgementKey, tables: Mapping[str, pa.Table], figures: Figures
    ) -> None:
        """Store the figures; the first stored ones of a judgement win."""
        self._store.put(f"{judgement.place}/{FIGURES}", key.digest, key.to_json(), tables, figures)

    def load(self, judgement: Judgement) -> JudgedFigures:
        """The figures, every file verified."""
        artefact = self._store.open(f"{judgement.place}/{FIGURES}")
        return JudgedFigures(JudgementKey.from_json(artefact.key), artefact.figures, artefact)

    def key(self, judgement: Judgement) -> JudgementKey:
        """What was judged, from the manifest alone."""
        return JudgementKey.from_json(self._store.manifest(f"{judgement.place}/{FIGURES}").key)

    def figures(self, judgement: Judgement) -> Figures:
        """The means, from the manifest alone."""
        return self._store.manifest(f"{judgement.place}/{FIGURES}").figures

    def save_verdict(self, judgement: Judgement, figures: str, policy: GateConfig, verdict: Verdict) -> None:
        """Store a verdict; the first one of a judgement wins.

        Args:
            judgement: which one.
            figures: digest of its figures.
            policy: by which it was judged.
            verdict: what the gate said.
        """
        key = {"figures": figures, "policy": policy.model_dump()}
        self._store.put(f"{judgement.place}/{VERDICT}", digest_of("verdict", key), key, {}, asdict(verdict))

    def verdict(self, judgement: Judgement) -> Verdict:
        """The verdict, as it was stored.

        Raises:
            NotStored: it was evaluated, but never judged.
        """
        if not self.is_judged(judgement):
            raise NotStored(
                f"{judgement.day}: {judgement.name} was evaluated, but never judged. Run the gate's task again."
            )
        values = self._store.open(f"{judgement.place}/{VERDICT}").figures
        return Verdict(values["outcome"], tuple(values["reasons"]), values["exact"], values["figures"])

    def verdict_figures(self, judgement: Judgement) -> Figures:
        """The verdict's stored form, from its manifest alone; empty where it was never judged."""
        return self._store.manifest(f"{judgement.place}/{VERDICT}").figures if self.is_judged(judgement) else {}

    def policy(self, judgement: Judgement) -> GateConfig:
        """The policy by which it was judged, which stands with the verdict."""
        return GateConfig(**self._store.manifest(f"{judgement.place}/{VERDICT}").key["policy"])

    def save_report(self, judgement: Judgement, page: bytes) -> str:
        """Store the page about a judgement in place of an earlier one; its name."""
        name = f"{judgement.place}/{REPORT}"
        self._store.replace(name, page)
        return name

    def report(self, judgement: Judgement) -> bytes:
        """The page about a judgement.

        Raises:
            NotStored: it was not written yet, or never.
        """
        return self._store.read(f"{judgement.place}/{REPORT}")
