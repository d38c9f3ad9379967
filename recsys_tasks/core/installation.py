"""How a service stands in an Airflow: what it is called, where its store lies, and where its tasks run."""

from typing import Any

from pydantic import Field, RootModel, field_validator

from recsys_tasks.core.sections import Section

SERVICE_NAME = "[a-z][a-z0-9_]{0,39}"
TASKS = (
    "wait_for_day",
    "extract_streams",
    "check_data",
    "increment_matrix",
    "train_als",
    "build_index",
    "evaluate",
    "gate",
    "publish",
    "report",
    "alert",
    "retention",
    "look",
    "deliver",
    "hand_over",
    "fresh_and_sound",
    "make_lists",
    "load_sink",
    "act",
)
"""Names of all tasks of all DAGs of a service."""
EVERY = "default"


class ServiceConfig(Section):
    """What the service of this file is called, and where its store lies; see core/services.py."""

    name: str = Field(default="", pattern=f"^({SERVICE_NAME})?$")
    """Part of every id of the service in Airflow. Empty: the file's name in a folder of services, otherwise none."""
    root: str = Field(default="", pattern="^(/.*|[a-z0-9]+://.+)?$")
    """The store, an absolute path or the address of a bucket. Empty: RECSYS_ROOT; in a folder of services its part of
    the service's name."""


class TaskResources(Section):
    """What one task asks for; what is not named stays as the DAG has it."""

    executor: str | None = Field(default=None, min_length=1)
    """One of the executors of Airflow's ``[core] executor``."""
    queue: str | None = Field(default=None, min_length=1)
    """Queue that its workers take tasks from."""
    pool: str | None = Field(default=None, min_length=1)
    """Pool of Airflow; the service's own pool of one slot keeps two runs from working on the store at once."""
    priority_weight: int | None = None
    """Place among the tasks that wait for a slot; the greater goes first."""
    executor_config: dict[str, Any] | None = None
    """What the executor itself understands, such as ``pod_template_file`` of the KubernetesExecutor."""


class TasksConfig(RootModel[dict[str, TaskResources]]):
    """Resources by the name of a task; ``default`` is for every task that does not say otherwise."""

    root: dict[str, TaskResources] = Field(default_factory=dict)

    @field_validator("root")
    @classmethod
    def _only_tasks_that_exist(cls, root: dict[str, TaskResources]) -> dict[str, TaskResources]:
        unknown = sorted(root.keys() - {EVERY, *TASKS})
        if unknown:
            raise ValueError(f"there is no task {', '.join(unknown)}; there are {EVERY}, {', '.join(TASKS)}")
        return root

    def of(self, task: str) -> dict[str, Any]:
        """What a task asks for, by the names that Airflow's operators have."""
        named = (self.root.get(name, TaskResources()) for name in (EVERY, task))
        return {field: value for each in named for field, value in each if value is not None}

    def executors(self) -> set[str]:
        """Every executor that is asked for."""
        return {each.executor for each in self.root.values() if each.executor}
