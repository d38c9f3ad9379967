"""The stored judgements: a candidate against an incumbent, with its figures, its verdict and its report.

evaluations/<date>/<candidate>-<incumbent>/figures/      figures of single listeners and their means, samples
evaluations/<date>/<candidate>-<incumbent>/verdict/      what the gate said, and by which policy
evaluations/<date>/<candidate>-<incumbent>/verdict-2/    a person had it judged again by another policy; then verdict-3
evaluations/<date>/<candidate>-<incumbent>/report.html   the page about it

Nothing is replaced but the report. The newest verdict is the one that answers; those before it stay readable.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.core.digests import SHORT, digest_of
from recsys_tasks.core.domain import Day, Figures, Verdict
from recsys_tasks.core.errors import CorruptArtefact, NotStored, PublishConflict
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.release.keys import JudgementKey
from recsys_tasks.release.stored_verdicts import (
    VERDICT,
    JudgedAgain,
    StoredVerdict,
    policy_in,
    verdict_in,
    verdict_key,
    verdict_name,
    word_in,
)
from recsys_tasks.storage.artefacts import Artefact
from recsys_tasks.storage.manifest import MANIFEST, Manifest
from recsys_tasks.storage.store import ArtefactStore, day_in

FOLDER, FIGURES, REPORT, SAMPLES = "evaluations", "figures", "report.html", "samples"
LARGEST_REPORT = 1 << 26
"""Bytes: a larger object is no page of ours, and is not read into the memory of a server."""


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
        """Five listeners without ids: listener, kind, place, title, artist, hit; none where one of them was erased."""
        known = f"{SAMPLES}.parquet" in self.artefact.manifest.files
        return self.artefact.table(SAMPLES) if known else pa.table({})


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

    def key_and_figures(self, judgement: Judgement) -> tuple[JudgementKey, Figures]:
        """What was judged, and the means, from one reading of the manifest."""
        manifest = self._store.manifest(f"{judgement.place}/{FIGURES}")
        return JudgementKey.from_json(manifest.key), manifest.figures

    def save_verdict(
        self, judgement: Judgement, figures: str, policy: GateConfig, verdict: Verdict, accepted: bool = False
    ) -> None:
        """Store the gate's own verdict; the first one of a judgement wins.

        Args:
            judgement: which one.
            figures: digest of its figures.
            policy: by which it was judged.
            verdict: what the gate said.
            accepted: a person had vouched for the day's streams.
        """
        key = verdict_key(figures, policy, accepted)
        self._store.put(f"{judgement.place}/{VERDICT}", digest_of("verdict", key), key, {}, asdict(verdict))

    def save_verdict_again(
        self,
        judgement: Judgement,
        figures: str,
        policy: GateConfig,
        verdict: Verdict,
        word: JudgedAgain,
        accepted: bool = False,
    ) -> None:
        """Store another verdict beside the earlier ones, which stay; from now on it is the one that answers.

        Args:
            judgement, figures, policy, verdict, accepted: as for the first one.
            word: who wanted that, why and when.

        Raises:
            PublishConflict: somebody else had it judged again in the same moment.
        """
        key = verdict_key(figures, policy, accepted) | asdict(word)
        digest, name = digest_of("verdict", key), verdict_name(self._count(judgement) + 1)
        try:
            self._store.put(f"{judgement.place}/{name}", digest, key, {}, asdict(verdict))
        except CorruptArtefact:
            if self._store.manifest(f"{judgement.place}/{name}").digest == digest:
                raise
            raise PublishConflict(
                f"{judgement.day}: somebody else had {judgement.name} judged again in this moment. Look at what the "
                "gate says now, then act if you still want to."
            ) from None

    def newest_verdict(self, judgement: Judgement) -> str:
        """Name of the verdict that answers; that of the first where nothing was judged yet."""
        return verdict_name(max(1, self._count(judgement)))

    def verdict(self, judgement: Judgement) -> Verdict:
        """The newest verdict, as it was stored.

        Raises:
            NotStored: it was evaluated, but never judged.
        """
        if not self.is_judged(judgement):
            raise NotStored(
                f"{judgement.day}: {judgement.name} was evaluated, but never judged. Run the gate's task again."
            )
        return verdict_in(self._store.open(f"{judgement.place}/{self.newest_verdict(judgement)}").figures)

    def verdict_figures(self, judgement: Judgement) -> Figures:
        """The newest verdict's stored form, from its manifest alone; empty where it was never judged."""
        return self._newest_manifest(judgement).figures if self.is_judged(judgement) else {}

    def verdicts(self, judgement: Judgement) -> list[StoredVerdict]:
        """Every verdict, the first one first, from their manifests alone."""
        names = [verdict_name(number) for number in range(1, self._count(judgement) + 1)]
        stored = [self._store.manifest(f"{judgement.place}/{name}") for name in names]
        return [StoredVerdict(verdict_in(each.figures), word_in(each.key)) for each in stored]

    def judged_again(self, judgement: Judgement) -> JudgedAgain | None:
        """On whose word the newest verdict was given; None where it is the first, or there is none."""
        return word_in(self._newest_manifest(judgement).key) if self._count(judgement) > 1 else None

    def written_at(self, judgement: Judgement) -> float:
        """When its newest verdict, or else its figures, came into this store, in seconds since 1970.

        No artefact holds a clock, so this is the store's word. It orders the judgements of one date, nothing else.
        """
        part = self.newest_verdict(judgement) if self.is_judged(judgement) else FIGURES
        return self._store.written_at(f"{judgement.place}/{part}/{MANIFEST}")

    def policy(self, judgement: Judgement) -> GateConfig:
        """The policy by which the newest verdict was given, which stands with it."""
        return policy_in(self._newest_manifest(judgement).key)

    def accepted(self, judgement: Judgement) -> bool:
        """Whether the newest verdict was given after a person had vouched for the day's streams."""
        return bool(self._newest_manifest(judgement).key.get("accepted"))

    def _newest_manifest(self, judgement: Judgement) -> Manifest:
        return self._store.manifest(f"{judgement.place}/{self.newest_verdict(judgement)}")

    def _count(self, judgement: Judgement) -> int:
        """How many verdicts there are; numbers are taken without a hole."""
        number = 0
        while self._store.holds(f"{judgement.place}/{verdict_name(number + 1)}"):
            number += 1
        return number

    def save_report(self, judgement: Judgement, page: bytes) -> str:
        """Store the page about a judgement in place of an earlier one; its name."""
        name = f"{judgement.place}/{REPORT}"
        self._store.replace(name, page, LARGEST_REPORT)
        return name

    def report(self, judgement: Judgement) -> bytes:
        """The page about a judgement.

        Raises:
            NotStored: it was not written yet, or never.
        """
        return self._store.read(f"{judgement.place}/{REPORT}", LARGEST_REPORT)
