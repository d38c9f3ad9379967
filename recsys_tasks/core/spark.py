"""The configuration of a Spark that trains, for ``[als] backend = "spark"``."""

from typing import Annotated

from pydantic import Field, field_validator

from recsys_tasks.core.sections import Positive, Section

MASTER = "spark.master"
Property = Annotated[str, Field(pattern=r"^spark\.\S+$")]


class SparkConfig(Section):
    """A Spark: its master, its properties, and the folder where this program and Spark meet."""

    master: str = Field(default="local[2]", pattern=r"^(local(\[.+\])?|(spark|k8s)://.+|yarn)$")
    """Address of the master, spark://HOST:7077; ``local[n]`` is a Spark of n threads inside the task itself."""
    blocks: Positive = 2
    """Blocks that listeners, and tracks, are divided into: about as many as the executors have cores. Part of a model's
    identity, for sums depend on it. Above two, sums are added as they arrive, and last digits may differ."""
    folder: str = Field(default="", pattern="^(/.+|[a-z0-9]+:/.+)?$")
    """Where pairs, factors and checkpoints lie while Spark trains: an absolute path or an address (hdfs://, s3a://)
    that this machine and every executor reach. Empty: a folder of the store, for executors that share its disk."""
    longest_wait_seconds: Positive = 120
    """Seconds without any executor after which a training is given up."""
    properties: dict[Property, str] = Field(default_factory=dict)
    """Properties of Spark by their own names, such as spark.executor.memory."""

    @field_validator("properties")
    @classmethod
    def _no_other_master(cls, properties: dict[str, str]) -> dict[str, str]:
        if MASTER in properties:
            raise ValueError(f"{MASTER} is a field of its own: master")
        return properties

    @property
    def is_local(self) -> bool:
        """Whether Spark runs inside the task itself."""
        return self.master.startswith("local")
