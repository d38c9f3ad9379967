"""The configuration of the products: the lists that people and programs get from a release."""

from typing import Annotated

from pydantic import Field, model_validator

from recsys_tasks.core.sections import Kept, Listed, Positive, Section, Share


class ProductsConfig(Section):
    """What the lists look like that are made from a release."""

    k: Annotated[int, Field(ge=1, le=1000)] = 30
    """Tracks of a list."""
    most_of_one_artist: int = Field(default=3, ge=0)
    """Tracks of one artist on a list at the most; 0: no limit. Without artists in the catalogue there is none."""
    diversity: Share = 0.2
    """Weight of unlikeness to the tracks that stand above (MMR), against 1 less it for the score; docs/serving.md says
    what it costs in precision."""
    pool: Annotated[float, Field(ge=1, le=20)] = 2.0
    """Candidates for each place of a list, of which artists and diversity leave some out. A list that would be short
    takes more by itself."""
    known_share: Share = 0.5
    """Share of the daily mix that the listener has played before."""
    new_release_days: Positive = 7
    """A track is a new release for so many days after its release date; without one, after its first play."""
    without_shown_deliveries: int = Field(default=7, ge=0)
    """A track that stood on one of a listener's last so many delivered lists is not listed again; 0: it may be."""
    exploration_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Share of a Discover list's places, the last ones, for new tracks that are drawn: 0.1 is one place of ten.
    The gate judges lists without them. 0: none."""
    own_half_life_days: float = Field(default=0.0, ge=0, le=3650)
    """A listener's own play of so many days ago counts half in what is on repeat. 0: a release holds no such plays, and
    the products that need them refuse. Otherwise four bytes for each pair of listener and track, and one day's
    partition read for each of the last four half-lives."""
    played_again_days: int = Field(default=0, ge=0, le=90)
    """What is on repeat stands in the order of the chance that the listener plays it again within so many days, which
    trees learn of the days before (LightGBM); faded plays decide where trees were no better on the newest days. Needs
    ``own_half_life_days``, four bytes more for each pair, and so many more partitions read four times over. 0: by
    faded plays."""
    reasons: bool = True
    """Whether each track of a listener's list names the played track that explains it best."""
    least_reason: Share = 0.2
    """Cosine of two tracks below which the one is no reason for the other."""
    related_listeners: Positive = 3
    """Common listeners without which two artists are not related."""
    related_shrinkage: float = Field(default=10.0, ge=0)
    """Listeners added to each artist's own in the cosine of two artists."""
    related_candidates: Kept = 100
    """Artists that co-listening names of each artist; factors and tags rank among these."""
    related_weights: tuple[Listed, Listed, Listed] = (1.0, 0.5, 0.5)
    """Of co-listening, factors and tags, whose z-scores are added."""
    playlist_weights: tuple[Listed, Listed, Listed] = (1.0, 0.5, 0.4)
    """Of the playlist as a listener, of the neighbours of its tracks, and of its artists, when it is continued."""
    explicit: str = ""
    """Name of the catalogue's feature (boolean) that is true for an explicit track; empty: there is none."""
    countries: str = ""
    """Name of the catalogue's feature (array of text) with the countries in which a track may be played; a track
    without any may be played everywhere. Empty: there is none."""
    tags: str = ""
    """Name of the catalogue's feature (array of text) with the tags of a track; empty: there is none."""
    origin: str = ""
    """Name of the catalogue's feature with the country that a track comes from, of which the figures of a delivery
    count the different ones on a list; empty: there is none."""
    segments_table: str = ""
    """Table or view of the source, ``name`` or ``schema.name``: a row for each listener who belongs to a segment, such
    as a country; popular tracks are then delivered of each segment, too. Empty: there is none."""
    segments_user_id: str = "user_id"
    """Its column: the listener's id."""
    segments_column: str = "segment"
    """Its column: the segment, a text or a whole number; null: none."""
    segment_listeners: Positive = 100
    """Listeners of a segment below which it gets no list: that would tell what single people hear."""
    hours_table: str = ""
    """Table or view of the source, ``name`` or ``schema.name``: plays of each track by hour of the listeners' clocks,
    from which Discover for an hour of the day is made. Empty: there is none."""
    hours_track_id: str = "track_id"
    """Its column: the track's id."""
    hours_hour: str = "hour"
    """Its column: the hour, 0 to 23."""
    hours_plays: str = "plays"
    """Its column: how often it was played then."""
    hours_weight: float = Field(default=0.8, ge=0, le=10)
    """Weight of the hour's prior, beside scores in standard deviations; docs/serving.md says what it gains."""
    never_again_table: str = ""
    """Table or view of the source, ``name`` or ``schema.name``: a row for each track or artist that a listener does not
    want again. Empty: there is none."""
    never_again_user_id: str = "user_id"
    """Its column: the listener's id."""
    never_again_track_id: str = "track_id"
    """Its column: the track's id, null where an artist is meant."""
    never_again_artist_id: str = ""
    """Its column: the artist's id, as the catalogue has it; empty: only tracks can be marked."""
    never_again_until: str = ""
    """Its column: date or timestamp until which the mark holds, null for ever; empty: all hold for ever."""

    @model_validator(mode="after")
    def _who_plays_again_has_played(self) -> "ProductsConfig":
        if self.played_again_days and not self.own_half_life_days:
            raise ValueError("played_again_days is set without own_half_life_days: set that too, for example to 14")
        return self
