"""The kinds of lists that the page *Try it* asks a release for, and of whom or of what each is asked."""

from typing import NamedTuple

SUBJECTS = ("listener", "track", "artist", "tracks")
"""Of whom or of what a list is asked; the popular tracks are asked of nobody."""


class Kind(NamedTuple):
    """A kind of list."""

    name: str  # in an address, as the command line calls it
    title: str
    subjects: tuple[str, ...]  # of what it can be asked; empty: of nobody
    heading: str  # with the subject's name in its braces
    measure: str = "score"  # heading of the numbers; empty: there are none
    filtered: bool = True  # whether filters hold in it
    nothing: str = "There is no track to show."  # said of an empty list


KINDS = (
    Kind(
        "plain",
        "Best tracks",
        ("listener",),
        "For listener {}",
        filtered=False,
        nothing="It has no track to show: this listener has played every one that it knows.",
    ),
    Kind("discover", "Discover", ("listener",), "Discover for listener {}"),
    Kind("mix", "Daily mix", ("listener",), "Daily mix of listener {}"),
    Kind(
        "on_repeat",
        "On repeat",
        ("listener",),
        "On repeat with listener {}",
        "faded plays",
        nothing="They have played nothing of late.",
    ),
    Kind("new_releases", "New releases", ("listener",), "New releases for listener {}", nothing="Nothing new is left."),
    Kind("similar", "Similar tracks", ("track",), "Like {}", "cosine"),
    Kind("playlist", "Playlist continuation", ("tracks", "track"), "What goes on with {}"),
    Kind("history", "For a new listener", ("tracks",), "For a new listener who played {}"),
    Kind(
        "related",
        "Related artists",
        ("artist", "track"),
        "Artists like {}",
        filtered=False,
        nothing="No artist has enough listeners in common with this one.",
    ),
    Kind("radio", "Radio", ("track", "artist", "tracks"), "Radio from {}", measure=""),
    Kind("popular", "Popular now", (), "Popular now", "listeners"),
)
"""Of several kinds that can be asked of one thing, the first is the usual one."""
BY_NAME = {kind.name: kind for kind in KINDS}


def fits(kind: Kind, subject: str) -> bool:
    """Whether a kind can be asked of such a thing; empty: of nobody."""
    return subject in (kind.subjects or ("",))


def kinds_of(subject: str) -> list[Kind]:
    """The kinds that can be asked of such a thing, the usual one first."""
    return [kind for kind in KINDS if fits(kind, subject)]


def chosen_kind(name: str, subject: str) -> Kind | None:
    """The kind of this name where it fits the subject, else the usual one; None: nothing is asked."""
    kind = BY_NAME.get(name)
    if kind is not None and fits(kind, subject):
        return kind
    return kinds_of(subject)[0] if subject else None
