"""What people say of the tracks: genres, tags and measured numbers, with the gaps and mistakes of a real catalogue."""

import numpy as np

from recsys_tasks.demo.world.catalogue import Catalogue
from recsys_tasks.demo.world.names import coined, genre_name, genre_of
from recsys_tasks.demo.world.params import WorldParams

TAGS, GAPS = 8, 9
GENRE_KNOWN, GENRE_TAGGED, SCENE_TAGGED, MOOD_TAGGED, MISTAGGED = 0.9, 0.7, 0.6, 0.5, 0.08  # shares of tracks
NUMBERS_KNOWN = 0.95
MOODS = (("melancholic", "sleep", "slow"), ("mellow", "acoustic", "sunday"), ("dark", "aggressive", "workout"),
         ("happy", "party", "summer"))  # fmt: skip
"""By energy (the second half is loud) and valence (the second of each half is glad)."""


def genres_and_tags(params: WorldParams, catalogue: Catalogue) -> tuple[list[str | None], list[list[str]]]:
    """Genre and tags of each track: mostly those of its artist and scene, a mood, and now and then a wrong one."""
    rng, n = params.random(TAGS), len(catalogue)
    known, tagged, of_scene, of_mood, wrong = (
        (rng.random(n) < share).tolist() for share in (GENRE_KNOWN, GENRE_TAGGED, SCENE_TAGGED, MOOD_TAGGED, MISTAGGED)
    )
    n_genres = int(catalogue.genre_of_scene[-1]) + 1
    names = [genre_name(genre) for genre in range(n_genres)]
    scenes = [f"{coined(genre, rng.random(3).tolist())} scene" for genre in catalogue.genre_of_scene]
    genre = [names[number] for number in genre_of(catalogue, catalogue.artist_of)]
    other = [names[number] for number in rng.integers(0, n_genres, n)]
    scene = [scenes[number] for number in catalogue.scene_of]
    parts = ((tagged, genre), (of_scene, scene), (of_mood, _moods(rng, catalogue)), (wrong, other))
    tags: list[list[str]] = [[] for _ in range(n)]
    for given, words in parts:
        for row in np.flatnonzero(given):
            if words[row] not in tags[row]:
                tags[row].append(words[row])
    return [name if is_known else None for name, is_known in zip(genre, known, strict=True)], tags


def _moods(rng: np.random.Generator, catalogue: Catalogue) -> list[str]:
    """A word for how each track sounds, as one listener heard it."""
    loud, glad = (values + rng.normal(0, 0.2, len(values)) > 0.5 for values in (catalogue.energy, catalogue.valence))
    word = rng.integers(0, len(MOODS[0]), len(catalogue))
    return [MOODS[2 * a + b][c] for a, b, c in zip(loud.tolist(), glad.tolist(), word.tolist(), strict=True)]


def measured(params: WorldParams, catalogue: Catalogue) -> list[tuple[float | None, ...]]:
    """Tempo, energy and valence of each track, or three times None where nobody measured."""
    numbers = np.stack([catalogue.tempo, catalogue.energy, catalogue.valence], axis=1).round(4).tolist()
    known = params.random(GAPS).random(len(catalogue)) < NUMBERS_KNOWN
    return [tuple(three) if is_known else (None,) * 3 for three, is_known in zip(numbers, known, strict=True)]
