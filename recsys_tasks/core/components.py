"""The configuration of the components beside ALS, and of their blend. None is trained unless ``[blend]`` names it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from recsys_tasks.core.sections import Kept, Listed, Positive, Section

Days = Annotated[Listed, Field(gt=0, le=3650)]


class RecentConfig(Section):
    """The component ``recent``: tracks by their listeners of late."""

    half_life_days: Annotated[tuple[Days, ...], Field(min_length=1, max_length=2)] = (7.0,)
    """After so many days a listener of a track counts half. Two: two components, each with a weight of its own."""
    counts: Literal["listeners", "discoveries"] = "listeners"
    """Whether each date's listeners of a track count, or those alone who had never played it before."""

    @field_validator("half_life_days")
    @classmethod
    def _differ(cls, half_lives: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(half_lives)) < len(half_lives):
            raise ValueError("two half-lives are two different ones")
        return half_lives


class NeighboursConfig(Section):
    """The component ``neighbours``: tracks that the same listeners play."""

    similarity: Literal["cosine", "bm25", "ease"] = "cosine"
    """Of the listeners of two tracks (cosine), or of logs of their play counts weighted as BM25 does; or what a track
    says of another beside all others that a listener played (EASE), which the most heard tracks alone take part in."""
    shrinkage: float = Field(default=10.0, ge=0)
    """Of the cosine: listeners added to each track's own, so that two tracks with one common listener are not the most
    similar of all."""
    listener_tracks: Positive = 100
    """Of the cosine: of a listener who played more tracks about so many count, drawn by a hash. Who counts pairs of
    tracks spends most of the time on the few listeners of thousands, who say little by each."""
    bm25_b: float = Field(default=0.1, ge=0, le=1)
    """Of BM25: b, how far the many plays of a track make each of them count less; 1: wholly, so that the least played
    tracks lead."""
    ease_tracks: Annotated[int, Field(ge=1, le=30_000)] = 5_000
    """Of EASE: tracks that take part, those of most listeners. Memory grows with the square (200 MB for 5,000), time
    with the cube."""
    ease_regularization: float = Field(default=500.0, gt=0)
    """Of EASE: lambda; a larger one trusts tracks of few listeners less."""
    nearest: Kept = 50
    """Similar tracks that are kept of each; eight bytes for each of them."""
    renewed_every_days: Positive = 7
    """On a date whose number since 1970 is a multiple of this, tracks that were first played more than three days
    earlier get the neighbours of all plays before it, and keep them; younger ones get theirs every day. 1: all do, as
    with EASE."""

    @property
    def looked_at(self) -> set[str]:
        """Names of the fields that decide the neighbours of a day's plays."""
        own = {
            "cosine": {"shrinkage", "listener_tracks"},
            "bm25": {"bm25_b"},
            "ease": {"ease_tracks", "ease_regularization"},
        }
        return {"similarity", "nearest"} | own[self.similarity]


class ContentConfig(Section):
    """The component ``content``: tracks that the catalogue describes alike; and what becomes of those without plays."""

    cold_tracks: bool = False
    """Whether the catalogue's tracks that nobody has played get factors by their content, and so enter the index and
    the lists. Needs a [catalogue]."""
    weights: dict[str, Annotated[Listed, Field(ge=0)]] = Field(default_factory=dict)
    """Name of a feature, or ``artist`` -> factor of what it says, 1 for one that is not named; 0 leaves it out."""
    most_tracks: int = Field(default=10_000, ge=2)
    """A tag, word or value of more tracks than this says nothing; more takes longer."""
    nearest: Kept = 30
    """Similar tracks that are kept of each; eight bytes for each of them."""
    few_listeners: Positive = 5
    """A track of fewer listeners has factors in part by its content: wholly without any, and less with each one."""


class BlendConfig(Section):
    """Which components a candidate is made of, and how they are joined."""

    components: tuple[Literal["als", "recent", "neighbours", "content"], ...] = ("als",)
    """Their names, ``als`` first. The others are trained only where they stand here."""
    depth: Kept = 100
    """Candidates that each component names of each listener; their z-scores are joined. Trees may gain by more,
    which ``tune --components`` finds out."""
    joined_by: Literal["weights", "ranker"] = "weights"
    """What puts the candidates in order: a weighted sum of z-scores, or trees that LightGBM trains (the extra
    ``ranker``), both learnt from the blend listeners."""

    @field_validator("components")
    @classmethod
    def _als_first_and_each_once(cls, components: tuple[str, ...]) -> tuple[str, ...]:
        if not components or components[0] != "als" or len(set(components)) < len(components):
            raise ValueError("als comes first, for the index holds its factors, and each component stands once")
        return components
