"""Invented names for artists, albums and tracks: the same for the same seed, none the name of two artists."""

import numpy as np

from recsys_tasks.demo.world.catalogue import Catalogue, Ints
from recsys_tasks.demo.world.params import WorldParams
from recsys_tasks.demo.world.words import GENRES, LANGUAGES, Language

ARTIST_NAMES, TITLES, ALBUM_TITLES = 5, 6, 7
DRAWS = 10  # random numbers that one name takes


def genre_of(catalogue: Catalogue, artists: Ints) -> Ints:
    """Number of the genre of each artist row."""
    scenes = np.searchsorted(catalogue.scene_first, artists, side="right") - 1
    return catalogue.genre_of_scene[scenes]


def genre_name(genre: int) -> str:
    """Its name; in a large world several genres share a name and differ by number."""
    turn, place = divmod(int(genre), len(GENRES))
    return GENRES[place] + (f" {turn + 1}" if turn else "")


def coined(genre: int, draws: list[float]) -> str:
    """A word that does not exist, in the language of a genre. draws: three numbers from 0 to 1."""
    return _coin(LANGUAGES[genre % len(LANGUAGES)], draws)


def artist_names(params: WorldParams, catalogue: Catalogue) -> list[str]:
    """One name for each artist row, no two alike."""
    genres = genre_of(catalogue, np.arange(len(catalogue.artist_first) - 1))
    rng = params.random(ARTIST_NAMES)
    names: list[str] = []
    taken: set[str] = set()
    for genre, draws in zip(genres, rng.random((len(genres), DRAWS)).tolist(), strict=True):
        language = LANGUAGES[genre % len(LANGUAGES)]
        name = _fill(_pick(language.artists, draws[0]), language, draws)
        while name in taken:
            name = f"{name} {_coin(language, rng.random(3).tolist())}"
        taken.add(name)
        names.append(name)
    return names


def titles(params: WorldParams, catalogue: Catalogue) -> list[str]:
    """One title for each track row; as in life, two artists may have found the same one."""
    return _titles(params, catalogue, TITLES, catalogue.artist_of)


def album_titles(params: WorldParams, catalogue: Catalogue, tracks: list[str]) -> list[str]:
    """One title for each album row: that of its first track for every other one."""
    first = np.flatnonzero(np.diff(catalogue.album_of, prepend=-1))
    own = _titles(params, catalogue, ALBUM_TITLES, catalogue.artist_of[first])
    return [title if row % 2 else tracks[track] for row, (title, track) in enumerate(zip(own, first, strict=True))]


def _titles(params: WorldParams, catalogue: Catalogue, purpose: int, artists: Ints) -> list[str]:
    draws = params.random(purpose).random((len(artists), DRAWS))
    genres = (genre_of(catalogue, artists) % len(LANGUAGES)).tolist()
    return [
        _fill(_pick(LANGUAGES[genre].titles, draw[0]), LANGUAGES[genre], draw)
        for genre, draw in zip(genres, draws.tolist(), strict=True)
    ]


def _fill(pattern: str, language: Language, draws: list[float]) -> str:
    """A pattern with its words drawn."""
    return pattern.format(
        coined=_coin(language, draws[1:4]),
        first=_pick(language.firsts, draws[4]),
        colour=_pick(language.colours, draws[5]),
        colour2=_pick(language.colours, draws[6]),
        thing=_pick(language.things, draws[7]),
        thing2=_pick(language.things, draws[8]),
    )


def _coin(language: Language, draws: list[float]) -> str:
    """A word that does not exist, out of two or three syllables."""
    middle = _pick(language.middles, draws[1] * 2) if draws[1] < 0.5 else ""
    return _pick(language.starts, draws[0]) + middle + _pick(language.ends, draws[2])


def _pick(words: tuple[str, ...], draw: float) -> str:
    return words[int(draw * len(words))]
