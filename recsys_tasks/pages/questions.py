"""What is asked of the page *Try it*, read from the parameters of an address, and written into one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import count
from recsys_tasks.pages.finding import LONGEST

USUAL_LENGTH, MOST = 10, 100
"""Tracks of a list: how many where nothing is asked for, and how many at the most."""


@dataclass(frozen=True)
class Question:
    """One of listener, track and text, and the releases that are asked."""

    listener: str = ""
    track: str = ""
    text: str = ""
    a: int | None = None  # release; None: the live one
    b: int | None = None  # release beside it; None: no other
    k: int = USUAL_LENGTH

    def address(self, **changes: str) -> dict[str, str]:
        """The parameters of an address that asks this; with ``changes``, another thing of the same releases."""
        asked = changes or {"listener": self.listener, "track": self.track, "text": self.text}
        where = {"a": self.a, "b": self.b, "k": self.k if self.k != USUAL_LENGTH else None}
        return {name: str(value) for name, value in (asked | where).items() if value}


def parse_question(given: Mapping[str, str]) -> Question:
    """A question from the parameters of an address; an empty parameter counts as absent.

    Raises:
        ConfigError: two things are asked at once, a text is too long, or what should be a number is none.
    """
    texts = {name: given.get(name, "").strip() for name in ("listener", "track", "text")}
    for name, text in texts.items():
        if len(text) > LONGEST:
            raise ConfigError(f"{name} has {count(len(text))} characters. Shorten it to {LONGEST}.")
    if sum(map(bool, texts.values())) > 1:
        raise ConfigError("Ask for a listener, for a track or for a text, not for two of them at once.")
    a, b = (parse_release(given.get(name, "")) for name in ("a", "b"))
    return Question(**texts, a=a, b=b, k=parse_length(given.get("k", "")))


def parse_only(name: str, given: Mapping[str, str]) -> Question:
    """The question of an address that takes one thing, ``name``, beside ``release`` and ``k``.

    Raises:
        ConfigError: it is missing, or a parameter is malformed.
    """
    question = parse_question({"a": given.get("release", ""), name: given.get(name, ""), "k": given.get("k", "")})
    if not getattr(question, name):
        raise ConfigError(f"Say {name}=... in the address.")
    return question


def parse_release(text: str) -> int | None:
    """The number of a release; None for the live one, which an empty text or ``live`` names.

    Raises:
        ConfigError: it is no such number.
    """
    if text in ("", "live"):
        return None
    if not re.fullmatch("[1-9][0-9]{0,11}", text, re.ASCII):
        raise ConfigError(f"{text[:LONGEST]!r} is no number of a release. Leave it out for the live one.")
    return int(text)


def parse_length(text: str) -> int:
    """How many tracks are asked for; the usual length for an empty text.

    Raises:
        ConfigError: it is no number from 1 to ``MOST``.
    """
    if not text:
        return USUAL_LENGTH
    if not re.fullmatch("[0-9]{1,3}", text, re.ASCII) or not 1 <= int(text) <= MOST:
        raise ConfigError(f"A list of {text[:LONGEST]!r} tracks was asked for. Ask for 1 to {MOST}.")
    return int(text)
