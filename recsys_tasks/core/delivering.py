"""What is delivered, and where to: the table ``[deliver]`` of the configuration."""

from typing import Literal

from pydantic import Field

from recsys_tasks.core.sections import Positive, Section

ProductName = Literal["discover", "new_releases", "related_artists", "popular", "similar_tracks"]


class DeliverConfig(Section):
    """Which products each release is made into for everybody, and where they go beside the store."""

    products: tuple[ProductName, ...] = ()
    """What is delivered of each release: discover, new_releases, related_artists, popular, similar_tracks. Empty:
    nothing, and there is no DAG that delivers."""
    sink_schema: str = Field(default="public", pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    """Schema of the sink's tables; the role of the connection may make tables there. The sink is Airflow's connection
    recsys_sink, or RECSYS_SINK_DSN of the environment; without one, deliveries lie in the store alone."""
    batch_listeners: Positive = 8_192
    """Listeners whose lists are made at once; more take more memory, about 4 kilobytes each."""
    threads: int = Field(default=2, ge=1, le=64)
    """Batches that are worked on at once; the files do not depend on it."""
    keep: int = Field(default=14, ge=1, le=1_000)
    """Newest deliveries that are kept in the store, and those whose tracks are not to be listed again."""
    keep_shown: bool = False
    """Whether a delivery also keeps the tracks that its Discover lists leave out because they were shown before, so
    that the HTTP service leaves them out too: four bytes for each, with the default of seven deliveries 840 a
    listener."""
    keep_lists: bool = False
    """Whether a delivery also keeps its lists of tracks as arrays, by listener or by track, which the HTTP service maps
    and answers from: eight bytes for each place, and four more for its reason."""
