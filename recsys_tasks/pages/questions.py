"""What is asked of the page *Try it*, read from the parameters of an address, and written into one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import count
from recsys_tasks.pages.kinds import BY_NAME, SUBJECTS, Kind, chosen_kind, fits
from recsys_tasks.pages.narrowing import parameters_of, parse_filters
from recsys_tasks.pages.texts import LONGEST
from recsys_tasks.products.filters import Filters

USUAL_LENGTH, MOST = 10, 100
"""Tracks of a list: how many where nothing is asked for, and how many at the most; as many may be given."""
NO_FILTERS = Filters()


@dataclass(frozen=True)
class Question:
    """One of listener, track, artist, tracks and text, the list that is wanted, and the releases that are asked."""

    listener: str = ""
    track: str = ""
    artist: str = ""
    tracks: tuple[str, ...] = ()
    text: str = ""
    which: str = ""  # name of the kind of list; empty, or one that does not fit what is asked: the usual one
    seed: int = 0  # of a radio
    segment: str = ""  # among whom tracks are popular; empty: everybody
    hour: int | None = None  # of the day, for which Discover is made; None: for no hour
    a: int | None = None  # release; None: the live one
    b: int | None = None  # release beside it; None: no other
    k: int = USUAL_LENGTH
    filters: Filters = NO_FILTERS

    @property
    def subject(self) -> str:
        """Of what is asked, as ``kinds.SUBJECTS`` names it; empty: of nothing."""
        return next((name for name in SUBJECTS if getattr(self, name)), "")

    @property
    def kind(self) -> Kind | None:
        """The kind of list that is asked for; None: no list is."""
        return None if self.text else chosen_kind(self.which, self.subject)

    @property
    def seeds(self) -> tuple[str, ...]:
        """The tracks that are asked of, one or several."""
        return (self.track,) if self.track else self.tracks

    @property
    def unfiltered(self) -> "Question":
        """The same without filters."""
        return replace(self, filters=NO_FILTERS)

    def address(self, **changes: str | int) -> dict[str, str]:
        """The parameters of an address that asks this; with ``changes``, another thing of the same releases.

        Args:
            **changes: another ``list``, ``seed``, or any of ``kinds.SUBJECTS`` in place of what is asked of. A list
                that does not fit it is left out.
        """
        asked = {name: getattr(self, name) for name in ("listener", "track", "artist", "text")}
        asked["tracks"] = one_text(self.tracks)
        other = {name: text for name, text in changes.items() if name in asked}
        numbers = {"a": self.a, "b": self.b, "k": self.k if self.k != USUAL_LENGTH else None, "seed": self.seed}
        named = {"list": self.which, "segment": self.segment, "hour": "" if self.hour is None else str(self.hour)}
        every = {**(other or asked), **named, **numbers, **parameters_of(self.filters), **changes}
        found = {name: str(value) for name, value in every.items() if value}
        subject = next((name for name in SUBJECTS if name in found), "")
        kind = BY_NAME.get(found.get("list", ""))
        if kind is not None and subject and not fits(kind, subject):
            del found["list"]
        return found


def parse_question(given: Mapping[str, str]) -> Question:
    """A question from the parameters of an address; an empty parameter counts as absent.

    Raises:
        ConfigError: two things are asked at once, a text is too long, what should be a number is none, or there is no
            such list or filter.
    """
    texts = {name: given.get(name, "").strip() for name in ("listener", "track", "artist", "text")}
    for name, text in texts.items():
        _check_text(name, text)
    tracks = parse_tracks(given.get("tracks", ""))
    if sum(map(bool, [*texts.values(), tracks])) > 1:
        raise ConfigError("Ask for a listener, for a track or for a text, not for two of them at once.")
    which = given.get("list", "")
    if which and which not in BY_NAME:
        raise ConfigError(f"There is no list {which[:LONGEST]!r}. There are {', '.join(BY_NAME)}.")
    a, b = (parse_release(given.get(name, "")) for name in ("a", "b"))
    k, seed = parse_length(given.get("k", "")), parse_seed(given.get("seed", ""))
    _check_text("A segment", segment := given.get("segment", "").strip())
    hour, filters = parse_hour(given.get("hour", "")), parse_filters(given)
    return Question(
        **texts,
        tracks=tracks,
        which=which,
        seed=seed,
        segment=segment,
        hour=hour,
        a=a,
        b=b,
        k=k,
        filters=filters,
    )


def _check_text(name: str, text: str) -> None:
    if len(text) > LONGEST:
        raise ConfigError(f"{name} has {count(len(text))} characters. Shorten it to {LONGEST}.")


def parse_tracks(text: str) -> tuple[str, ...]:
    """Track ids, each once: one on a line, or on one line, separated by blanks or commas.

    Raises:
        ConfigError: they are more than ``MOST``, or one is too long.
    """
    parts = text.splitlines() if "\n" in text else re.split(r"[\s,]+", text)
    found = tuple(dict.fromkeys(filter(None, map(str.strip, parts))))
    if len(found) > MOST:
        raise ConfigError(f"{count(len(found))} tracks were given. Give {MOST} at the most.")
    for each in found:
        _check_text("A track's id", each)
    return found


def one_text(tracks: Sequence[str]) -> str:
    """Track ids as ``parse_tracks`` reads them."""
    apart = any(re.search(r"[\s,]", each) for each in tracks)
    return "".join(f"{each}\n" for each in tracks) if apart else " ".join(tracks)


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


def parse_hour(text: str) -> int | None:
    """An hour of the day; None for an empty text.

    Raises:
        ConfigError: it is no number from 0 to 23.
    """
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,2}", text, re.ASCII) or int(text) > 23:
        raise ConfigError(f"{text[:LONGEST]!r} is no hour of the day. Give one from 0 to 23, or leave it out.")
    return int(text)


def parse_seed(text: str) -> int:
    """The number of a radio; 0 for an empty text.

    Raises:
        ConfigError: it is no number of at most nine digits.
    """
    if not re.fullmatch("[0-9]{0,9}", text, re.ASCII):
        raise ConfigError(f"{text[:LONGEST]!r} is no number of a radio. Give digits, nine at the most.")
    return int(text or 0)
