"""``[serve]``: where the HTTP service listens, who may ask, and how much they may ask for."""

from pydantic import Field

from recsys_tasks.core.sections import Kept, Positive, Section


class ServeConfig(Section):
    """The HTTP service, ``recsys serve``; nothing of it runs unless that command is started."""

    host: str = "127.0.0.1"
    """Address that it listens on. Any but loopback needs a file of tokens."""
    port: int = Field(default=8090, ge=0, le=65_535)
    """Port; 0: one that is free, which the first line of the log names."""
    tokens_file: str = ""
    """File of bearer tokens, one a line: the name of whoever holds it, a space, the token. Read again when it changes.
    Empty: no token is asked for, and only this machine can ask."""
    longest_list: Kept = 200
    """Tracks of one list at the most."""
    largest_batch: Positive = 100
    """Listeners of one request at the most."""
    longest_history: Positive = 1_000
    """Tracks of a history, of a playlist or of the seeds of a radio at the most."""
    max_body_kb: Positive = 64
    """Kilobytes of a request's body at the most."""
    max_connections: Positive = 512
    """Connections that are open at the same time; one more is told to come again."""
    max_waiting: Positive = 128
    """Requests that wait for their turn; one more is told to come again."""
    patience_s: float = Field(default=2.0, gt=0, le=600)
    """Seconds after which a request that still waits is told to come again."""
    receive_s: float = Field(default=5.0, gt=0, le=600)
    """Seconds that a request may take to arrive, and an answer to be taken."""
    drain_s: float = Field(default=10.0, ge=0, le=600)
    """Seconds that the answers under way have after SIGTERM."""
    refresh_s: float = Field(default=2.0, gt=0, le=3_600)
    """Seconds between two looks at the log of releases."""
    cache_mb: int = Field(default=64, ge=0)
    """Megabytes of finished answers that are kept until the next release; 0: none."""
    related_artists: bool = False
    """Whether related artists are counted when a release is opened, before it answers, where no delivery holds them; it
    takes seconds and memory. Otherwise the first question starts that, and is told to come again."""
