"""One list of the page *Try it*, of any kind, by the functions that the command line and the service ask."""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple, TypeAlias

from recsys_tasks.core.domain import BoolArray, Id
from recsys_tasks.core.errors import ConfigError, UnknownId
from recsys_tasks.core.formatting import decimal, fraction, percent
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.pages.kinds import Kind
from recsys_tasks.pages.narrowing import Offered
from recsys_tasks.pages.opened import Opened
from recsys_tasks.pages.questions import Question
from recsys_tasks.pages.texts import shown
from recsys_tasks.products.lists import Track
from recsys_tasks.serving import asked
from recsys_tasks.serving.opened import Answered, RelatedAnswer
from recsys_tasks.serving.opened import Opened as OpenRelease
from recsys_tasks.serving.segments import popular_among

Answer: TypeAlias = Answered | RelatedAnswer


class Terms(NamedTuple):
    """What lists are made under beside the question."""

    settings: ProductsConfig
    on: date  # day of the lists


class Place(NamedTuple):
    """A track or an artist on a list."""

    id: str
    title: str | None
    artist: str | None  # of a track
    score: float
    because: str = ""  # name of the track that explains it


class Listing(NamedTuple):
    """A list, and the release that it comes from, whole."""

    release: int
    known: bool  # False: the release does not know this listener, the list is the popular tracks
    popular: bool  # these are the popular tracks; a score is a number of listeners
    places: tuple[Place, ...]
    subject: str  # what the release calls that which was asked of
    offered: Offered
    chance: bool = False  # a score is the chance that the listener plays the track again


class _Asked(NamedTuple):
    opened: Opened
    release: OpenRelease  # with the products as the settings want them
    question: Question
    on: date
    allowed: BoolArray | None


def listing_of(opened: Opened, question: Question, terms: Terms) -> Listing:
    """Ask an open release.

    Raises:
        ConfigError: nothing is asked, the release does not know what a filter asks for, or it holds nothing from which
            this list could be made.
        UnknownId: it does not know the track or the artist, nobody has played it, or it is no id of this service.
    """
    kind = question.kind
    if kind is None:
        raise ConfigError("Say for which listener, or like which track.")
    release = opened.under(terms.settings)
    allowed = release.products.allowed(question.filters) if kind.filtered else None
    subject = _subject(release, question)
    answer = _ASK[kind.name](_Asked(opened, release, question, terms.on, allowed))
    if isinstance(answer, RelatedAnswer):
        places = tuple(Place(str(each.artist_id), shown(each.name), None, each.score) for each in answer.artists)
        named = shown(answer.like.name) or f"artist {answer.like.artist_id}"
        return Listing(answer.release, True, False, places, named, opened.offered(terms.settings))
    places = tuple(map(_place, answer.tracks))
    chance = kind.name == "on_repeat" and release.products.view.bundle.users.again is not None
    return Listing(
        answer.release, answer.known, answer.popular, places, subject, opened.offered(terms.settings), chance
    )


def score_of(kind: Kind, listing: Listing, score: float) -> str:
    """A score as the page writes it."""
    if listing.popular or kind.measure == "listeners":
        return decimal(score, 0 if score == round(score) else 1)
    if listing.chance:
        return percent(score)
    if kind.name == "mix" and not score:
        return "played before"
    return decimal(score, 1) if kind.name == "on_repeat" else fraction(score)


def named_track(track: Track) -> str:
    """A track's title, or its id where it has none."""
    return shown(track.title) or f"track {track.track_id}"


def _place(track: Track) -> Place:
    because = named_track(track.because) if track.because else ""
    return Place(str(track.track_id), shown(track.title), shown(track.artist), track.score, because)


def _subject(release: OpenRelease, question: Question) -> str:
    """What is asked of, by the name that the release has for it."""
    if question.track:
        try:
            (col,) = release.products.known_cols([question.track]).tolist()
        except UnknownId:
            return named_subject(question)
        names = release.bundle.names.of(col)
        title, artist = shown(names["title"]), shown(names["artist"])
        return f"{title} by {artist}" if title and artist else title or named_subject(question)
    return named_subject(question)


def named_subject(question: Question) -> str:
    """What is asked of, where no release names it."""
    if question.tracks:
        return "this track" if len(question.tracks) == 1 else f"these {len(question.tracks)} tracks"
    of_track = f"track {question.track}" if question.track else ""
    return question.listener or of_track or f"artist {question.artist}"


def _of_listener(which: asked.OfListener) -> Callable[[_Asked], Answered]:
    return lambda a: asked.for_listener(
        a.release, which, a.question.listener, a.question.k, a.allowed, hour=a.question.hour
    )


def _similar(a: _Asked) -> Answered:
    return asked.similar(a.release, a.question.track, a.question.k, a.allowed)


def _playlist(a: _Asked) -> Answered:
    return asked.playlist(a.release, a.question.seeds, a.question.k, a.allowed)


def _history(a: _Asked) -> Answered:
    return asked.for_history(a.release, a.question.seeds, a.question.k, a.allowed)


def _related(a: _Asked) -> RelatedAnswer:
    artist = a.question.artist or _artist_of(a.release, a.question.track)
    return asked.related(a.release, artist, a.question.k)


def _artist_of(release: OpenRelease, track: str) -> Id:
    """The id of a track's artist.

    Raises:
        UnknownId: the release does not know the track, or whose it is.
    """
    artists = release.products.artists
    (number,) = artists.of_col[release.products.known_cols([track])].tolist()
    if number < 0:
        raise UnknownId(f"Release {release.entry.release} does not know whose track {track} is.")
    found: Id = artists.ids[number].as_py()
    return found


def _radio(a: _Asked) -> Answered:
    artists = [a.question.artist] if a.question.artist else []
    return asked.radio(a.release, a.question.seeds, artists, a.question.k, a.on, a.question.seed, a.allowed)


def _popular(a: _Asked) -> Answered:
    question, release = a.question, a.release
    if not question.segment:
        return asked.popular(release, question.k, a.allowed)
    lists, number = a.opened.added.segments, release.entry.release
    return asked.popular_in(release, popular_among(lists, question.segment, number, question.k, a.allowed))


_ASK: dict[str, Callable[[_Asked], Answer]] = {
    "plain": _of_listener("plain"),
    "discover": _of_listener("discover"),
    "mix": _of_listener("mix"),
    "on_repeat": _of_listener("on_repeat"),
    "new_releases": _of_listener("new_releases"),
    "similar": _similar,
    "playlist": _playlist,
    "history": _history,
    "related": _related,
    "radio": _radio,
    "popular": _popular,
}
"""By the name of a kind."""
