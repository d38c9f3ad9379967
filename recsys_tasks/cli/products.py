"""Commands that ask a release for one list: tracks for a listener, tracks like a track, related artists, radio."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from itertools import chain
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.cli.arguments import number_of
from recsys_tasks.core.config import load_table
from recsys_tasks.core.domain import BoolArray, parse_day
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.formatting import count
from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.filters import FeatureRange, Filters
from recsys_tasks.products.lists import Track
from recsys_tasks.reporting.terminal_tables import as_table
from recsys_tasks.serving import asked
from recsys_tasks.serving.opened import Answered, Opened
from recsys_tasks.serving.reader import Reader
from recsys_tasks.storage.stores import store_at

RELEASE_NUMBER = number_of("a release; `status` lists them", 1)
TRACK_COLUMNS = {"track_id": "track", "title": "title", "artist": "artist", "score": "score"}
PLAIN = "plain"
LISTS = {
    PLAIN: "the best tracks as the evaluation judges them",
    "discover": "at most so many of one artist, diverse, with reasons",
    "mix": "known and new tracks",
    "on_repeat": "what the listener plays of late",
    "new_releases": "the newest tracks that suit the listener",
}


def register(commands: Any) -> None:
    """Add the commands to the parser."""
    recommend = _command(commands, "recommend", _recommend, "tracks for a listener, those already played left out")
    recommend.add_argument("id", metavar="USER", nargs="?", help="the listener's id, as the source has it")
    recommend.add_argument("-k", type=int, default=10, help="length of the list (10)")
    described = "; ".join(f"{name}: {what}" for name, what in LISTS.items())
    recommend.add_argument("--list", choices=LISTS, default=PLAIN, help=f"which list ({PLAIN}). {described}")
    recommend.add_argument("--played", nargs="+", metavar="TRACK", help="for an unknown listener who played these")
    recommend.add_argument("--playlist", nargs="+", metavar="TRACK", help="what goes on with these")
    add_filters(recommend)
    similar = _command(commands, "similar", _similar, "tracks like a track")
    similar.add_argument("id", metavar="TRACK", help="the track's id, as the source has it")
    similar.add_argument("-k", type=int, default=10, help="length of the list (10)")
    add_filters(similar)
    related = _command(commands, "related", _related, "artists like an artist")
    related.add_argument("id", metavar="ARTIST", help="the artist's id; the name, where the catalogue has no ids")
    related.add_argument("-k", type=int, default=10, help="length of the list (10)")
    radio = _command(commands, "radio", _radio, "tracks without an end, near to tracks or artists")
    radio.add_argument("--track", nargs="+", default=[], metavar="TRACK", help="tracks that it begins with")
    radio.add_argument("--artist", nargs="+", default=[], metavar="ARTIST", help="artists that it begins with")
    radio.add_argument("-k", type=int, default=20, help="how many of its tracks (20)")
    radio.add_argument("--seed", type=int, default=0, help="another number, another walk (0)")
    radio.add_argument("--day", type=_day, help="of the broadcast; default: today")
    add_filters(radio)


def _command(commands: Any, name: str, handler: Any, text: str) -> ArgumentParser:
    found: ArgumentParser = commands.add_parser(name, help=text, description=text)
    found.add_argument("--release", type=RELEASE_NUMBER, help="ask this release instead of the live one")
    found.add_argument("--json", action="store_true", help="the answer as JSON")
    found.set_defaults(handler=handler)
    return found


def add_filters(command: ArgumentParser) -> None:
    """Add the options of a command whose lists can be filtered."""
    command.add_argument("--kind", nargs="+", default=[], help="only tracks of these kinds")
    command.add_argument("--explicit", choices=("yes", "no"), help="explicit tracks alone, or none")
    command.add_argument("--country", default="", help="only tracks that may be played there")
    command.add_argument("--released-after", type=_day, metavar="DATE", help="only later releases")
    command.add_argument(
        "--range", nargs=3, action="append", default=[], metavar=("FEATURE", "LOW", "HIGH"), help="bounds of a feature"
    )


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except ConfigError as error:
        raise ArgumentTypeError(str(error)) from None


def _filters(args: Namespace) -> Filters:
    """The filters that a command line names.

    Raises:
        ConfigError: a bound of a feature is no number.
    """
    try:
        ranges = tuple(FeatureRange(name, float(low), float(high)) for name, low, high in args.range)
    except ValueError as error:
        raise ConfigError(f"A bound of --range is no number: {error}.") from None
    explicit = None if args.explicit is None else args.explicit == "yes"
    return Filters(True, tuple(args.kind), explicit, ranges, args.released_after, args.country)


def opened_release(args: Namespace) -> Opened:
    """The release that a command names, with the products of the configuration if one is named."""
    settings = ProductsConfig() if args.config is None else load_table(args.config, "products", ProductsConfig)
    return Reader(store_at(args.root), args.release, settings).opened


def allowed_by(args: Namespace, opened: Opened) -> BoolArray:
    """Which tracks the filters of a command allow. (n_tracks,)."""
    return opened.products.allowed(_filters(args))


def _recommend(args: Namespace) -> Answer:
    if (args.id is not None) + (args.played is not None) + (args.playlist is not None) != 1:
        raise ConfigError("Name a listener, or --played TRACK ..., or --playlist TRACK ...: one of the three.")
    opened = opened_release(args)
    allowed = allowed_by(args, opened)
    if args.played is not None:
        found = asked.for_history(opened, args.played, args.k, allowed)
        return _listed(found, f"For a listener who played {_some(args.played)}, from release {found.release}:")
    if args.playlist is not None:
        found = asked.playlist(opened, args.playlist, args.k, allowed)
        return _listed(found, f"After {_some(args.playlist)}, from release {found.release}:")
    return _for(args, asked.for_listener(opened, args.list, args.id, args.k, allowed))


def _some(track_ids: Sequence[str]) -> str:
    return f"track {track_ids[0]}" if len(track_ids) == 1 else f"{count(len(track_ids))} tracks"


def _for(args: Namespace, found: Answered) -> Answer:
    """The list of a listener, or what is said where the release does not know them."""
    if found.known:
        return _listed(found, f"For listener {args.id}, from release {found.release}:")
    unknown = f"Release {found.release} does not know listener {args.id}"
    listed = _listed(found, f"{unknown}; the most popular tracks:" if found.tracks else f"{unknown}:")
    warning = f"UnknownId: {unknown}. Check the id; one who has listened since is known after the next release."
    return replace(listed, exit_code=1, warning=warning)


def _similar(args: Namespace) -> Answer:
    opened = opened_release(args)
    found = asked.similar(opened, args.id, args.k, allowed_by(args, opened))
    named = in_brackets(found.like.title, found.like.artist) if found.like else ""
    return _listed(found, f"Like track {args.id}{named}, from release {found.release}:")


def in_brackets(title: str | None, artist: str | None) -> str:
    """`` (Fever by Mabel Elling)``, or what is known of it."""
    known = " by ".join(each for each in (title, artist) if each)
    return f" ({known})" if known else ""


def _related(args: Namespace) -> Answer:
    found = asked.related(opened_release(args), args.id, args.k)
    rows = [asdict(artist) | {"artist_id": str(artist.artist_id)} for artist in found.artists]
    heading = f"Like {found.like.name or found.like.artist_id}, from release {found.release}:"
    columns = {"artist_id": "artist", "name": "name", "score": "score"}
    return Answer(asdict(found), f"{heading}\n{as_table(rows, columns)}")


def _radio(args: Namespace) -> Answer:
    if not args.track and not args.artist:
        raise ConfigError("A radio begins with something: --track TRACK ..., --artist ARTIST ..., or both.")
    opened, day = opened_release(args), args.day or args.now().date()
    found = asked.radio(opened, args.track, args.artist, args.k, day, args.seed, allowed_by(args, opened))
    named = ", ".join(chain(map(str, args.track), args.artist))
    return _listed(found, f"Radio from {named} on {day}, from release {found.release}:", without=("score",))


def _listed(found: Answered, heading: str, without: tuple[str, ...] = ()) -> Answer:
    rows, score = [_row(track) for track in found.tracks], "score"
    if found.popular:
        whole = all(track.score == int(track.score) for track in found.tracks)
        rows = [row | {"score": int(row["score"])} for row in rows] if whole else rows
        score = "listeners" if whole else "listeners of late"  # each of which fades
    columns = TRACK_COLUMNS | {"score": score}
    if any(track.because for track in found.tracks):
        columns |= {"because": "because you played"}
    columns = {name: heading for name, heading in columns.items() if name not in without}
    return Answer(asdict(found), f"{heading}\n{as_table(rows, columns)}" if rows else f"{heading} nothing.")


def _row(track: Track) -> dict[str, Any]:
    reason = track.because
    because = None if reason is None else reason.title or str(reason.track_id)
    return {**vars(track), "track_id": str(track.track_id), "because": because}
