"""A verdict as it lies in the store: its name, its key, and on whose word it was given if it was not the first."""

from dataclasses import dataclass

from recsys_tasks.core.domain import Figures, Verdict
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.core.records import Json

VERDICT = "verdict"


@dataclass(frozen=True)
class JudgedAgain:
    """Who had a candidate judged again by another policy, why and when."""

    by: str
    why: str
    at: str  # instant, ISO-8601 UTC


@dataclass(frozen=True)
class StoredVerdict:
    """A verdict as it lies in the store: what was said, and on whose word if it was not the first."""

    verdict: Verdict
    again: JudgedAgain | None = None


def verdict_name(number: int) -> str:
    """Name of the n-th verdict below its judgement: ``verdict``, ``verdict-2``, ``verdict-3``."""
    return VERDICT if number == 1 else f"{VERDICT}-{number}"


def verdict_key(figures: str, policy: GateConfig, accepted: bool) -> Json:
    """What a verdict is made from: digest of the figures, the policy, and whether a person vouched for the day."""
    key = {"figures": figures, "policy": policy.model_dump()}
    return key | {"accepted": True} if accepted else key


def verdict_in(values: Figures) -> Verdict:
    """A verdict from its stored form."""
    return Verdict(values["outcome"], tuple(values["reasons"]), values["exact"], values["figures"])


def policy_in(key: Json) -> GateConfig:
    """The policy in a verdict's key."""
    return GateConfig(**key["policy"])


def word_in(key: Json) -> JudgedAgain | None:
    """On whose word a verdict was given; None for the gate's own."""
    return JudgedAgain(key["by"], key["why"], key["at"]) if "by" in key else None
