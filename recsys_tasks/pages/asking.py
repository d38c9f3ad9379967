"""The page *Try it*: the answer of one release, or of two side by side, and tracks found by their names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.domain import Id
from recsys_tasks.core.errors import ConfigError, RecsysError
from recsys_tasks.pages.finding import find_tracks
from recsys_tasks.pages.heard import History, history_of, listener_at
from recsys_tasks.pages.kinds import KINDS, kinds_of
from recsys_tasks.pages.lists import Listing, Terms, listing_of, named_subject, score_of
from recsys_tasks.pages.narrowing import FIELDS
from recsys_tasks.pages.opened import Opened
from recsys_tasks.pages.questions import Question
from recsys_tasks.pages.readers import Readers, TooBusy, TooSlow
from recsys_tasks.pages.texts import shown
from recsys_tasks.products.lists import Track
from recsys_tasks.release.bundles import Bundles
from recsys_tasks.release.log import Entry, ReleaseLog
from recsys_tasks.serving.opened import Answered

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """The answer of one release, or why there is none."""

    entry: Entry
    answered: Listing | None
    error: RecsysError | OSError | None
    marks: tuple[str, ...] = ()  # a track: ``only``, ``same``, or by how many places it stands higher, +2 or -1

    @property
    def again(self) -> bool:
        """Whether asking again in a moment may help."""
        return isinstance(self.error, TooBusy | TooSlow)


def entry_of(log: ReleaseLog, release: int | None) -> Entry:
    """The entry of a release, or of the live one.

    Raises:
        NoRelease: nothing has been published.
        UnknownId: there is no such release.
    """
    return log.require_live() if release is None else log.release(release)


def answer_of(opened: Opened, question: Question) -> Answered:
    """Ask an open release for a listener or a track.

    Raises:
        ConfigError: the question is for neither.
        UnknownId: the release does not know the track, nobody has played it, or it is no id of this service.
    """
    if question.listener:
        return opened.reader.recommend(question.listener, question.k)
    if question.track:
        return opened.reader.similar(question.track, question.k)
    raise ConfigError("Say for which listener, or like which track.")


def columns_of(readers: Readers, log: ReleaseLog, question: Question, terms: Terms) -> list[Column]:
    """The answers of the releases asked: one, or two whose lists are compared. A damaged one does not hide the other.

    Raises:
        NoRelease, UnknownId: a release is not there.
        TooLarge: the two cannot be open side by side.
    """
    entries = [entry_of(log, question.a), *([entry_of(log, question.b)] if question.b else [])]
    readers.check_room(entries)
    until = monotonic() + readers.limits.patience
    columns = [_column(readers, entry, question, terms, until) for entry in entries]
    lists = [[place.id for place in column.answered.places] for column in columns if column.answered]
    if len(lists) < 2:
        return columns
    marked = (marks(lists[0], lists[1]), marks(lists[1], lists[0]))
    return [replace(column, marks=found) for column, found in zip(columns, marked, strict=True)]


def _column(readers: Readers, entry: Entry, question: Question, terms: Terms, until: float) -> Column:
    try:
        return Column(entry, readers.ask(entry, lambda opened: listing_of(opened, question, terms), until), None)
    except (RecsysError, OSError) as error:
        return Column(entry, None, error)


def marks(ids: Sequence[Id], others: Sequence[Id]) -> tuple[str, ...]:
    """Of each track or artist: ``only`` where the other list lacks it, ``same`` place, or by how much it is higher."""
    places = {each: place for place, each in enumerate(others)}
    moved = (places[each] - place if each in places else None for place, each in enumerate(ids))
    return tuple("only" if by is None else f"{by:+d}" if by else "same" for by in moved)


def overlap(columns: Sequence[Column], of: str) -> str:
    """How much two lists have in common, as a sentence; empty where there are not two. of: what is listed, tracks."""
    if len(columns) < 2 or not all(column.answered for column in columns):
        return ""
    here, there = (column.marks for column in columns)
    both, still = sum(mark != "only" for mark in here), here.count("same")
    if both == len(here) == len(there):
        order = "in the same order" if still == both else f"{still} of them at the same place"
        return f"Both lists hold the same {both} {of}, {order}."
    lacks = zip((here, there), columns, strict=True)
    only = " and ".join(f"{mark.count('only')} only in release {column.entry.release}" for mark, column in lacks)
    return f"{both} of {len(here)} {of} are in both lists, {still} of them at the same place; {only}."


def json_of(opened: Opened, question: Question) -> Row:
    """An answer as JSON; ids are text, because JavaScript cannot hold a 64-bit number.

    Raises:
        UnknownId: the release does not know the track, or nobody has played it.
    """
    if question.text:
        return find_tracks(opened, question.text)
    found = answer_of(opened, question)
    like, *tracks = (_track(track) for track in (found.like, *found.tracks))
    return {
        "release": found.release,
        "known": found.known,
        "popular": found.popular,
        "tracks": tracks,
        "like": like,
    }


def _track(track: Track | None) -> Row | None:
    if track is None:
        return None
    title, artist = shown(track.title), shown(track.artist)
    return {"track_id": str(track.track_id), "title": title, "artist": artist, "score": track.score}


def choices(readers: Readers, log: ReleaseLog, asked: Question) -> list[Row]:
    """The releases to choose from, newest first: those whose files are stored, and those that are asked for anyway."""
    stored = set(Bundles(readers.store).candidates())
    return [
        {"release": entry.release, "day": entry.day.isoformat(), "stored": entry.candidate[:SHORT] in stored}
        for entry in reversed(log.releases)
        if entry.candidate[:SHORT] in stored or entry.release in (asked.a, asked.b)
    ]


def frame_of(readers: Readers, log: ReleaseLog, question: Question) -> Row:
    """Everything that the page names, without an answer."""
    return {
        "question": question,
        "live": log.live,
        "choices": choices(readers, log, question),
        "kinds": KINDS,
        "fitting": kinds_of(question.subject) if question.subject else [],
        "fields": FIELDS,
        "offered": None,
        "columns": [],
        "overlap": "",
        "heading": "",
        "found": None,
        "problem": "",
        "history": None,
        "score": score_of,
        "badge": badge_of,
        "shown": shown,
    }


def page_of(readers: Readers, log: ReleaseLog, question: Question, terms: Terms) -> Row:
    """Everything that the page names, with the answer to the question.

    Raises:
        NoRelease, UnknownId, TooLarge, TooBusy, TooSlow, CorruptArtefact: there is no answer.
    """
    frame = frame_of(readers, log, question)
    if question.text:
        found = readers.ask(entry_of(log, question.a), lambda opened: find_tracks(opened, question.text))
        return frame | {"found": found, "heading": f"Tracks named like {question.text}"}
    if question.kind is None:
        return frame
    columns = columns_of(readers, log, question, terms)
    answered = next((column.answered for column in columns if column.answered), None)
    return frame | {
        "columns": columns,
        "offered": answered.offered if answered else None,
        "overlap": overlap(columns, "artists" if question.kind.name == "related" else "tracks"),
        "heading": question.kind.heading.format(answered.subject if answered else named_subject(question)),
        "history": _heard(readers, columns, question) if question.listener else None,
    }


def _heard(readers: Readers, columns: Sequence[Column], question: Question) -> History | None:
    """The listener's own history by the first release that answers; None where none does, or it takes too long."""
    answering = next((column.entry for column in columns if column.answered and column.answered.known), None)
    if answering is None:
        return None
    try:
        return readers.ask(answering, lambda opened: history_of(opened, readers.store, question.listener))
    except (RecsysError, OSError):
        return None


def random_listener(readers: Readers, log: ReleaseLog, question: Question, place: int) -> str:
    """The id of a listener of the release that is asked. place: any number, drawn by the caller.

    Raises:
        NoRelease, UnknownId, TooLarge, TooBusy, TooSlow, CorruptArtefact: there is no answer.
    """
    return readers.ask(entry_of(log, question.a), lambda opened: listener_at(opened, place))


def badge_of(mark: str) -> tuple[str, str]:
    """A mark as the page writes it, and the class of its badge."""
    if mark in ("only", "same"):
        return {"only": ("only here", "warn"), "same": ("same", "")}[mark]
    by = abs(int(mark))
    return f"{by} {'higher' if mark[0] == '+' else 'lower'}", ("good" if mark[0] == "+" else "")
