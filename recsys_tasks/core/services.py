"""The services that one installation runs: a service is a configuration file, and its ids follow from its name.

``RECSYS_CONFIG`` names one file, or a folder in which every ``*.toml`` is a service. Of a file, only its table
``[service]`` is read here, so that a slip elsewhere hides nothing; and a file that cannot be read hides no other one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from recsys_tasks.core.config import load_table
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.core.installation import SERVICE_NAME, ServiceConfig
from recsys_tasks.core.roots import Root, root_of

COMMANDS = (
    "run ",
    "gate ",
    "report ",
    "status",
    "lineage ",
    "verify",
    "rollback ",
    "release ",
    "pin ",
    "unpin ",
    "tune",
    "deliveries",
)
"""How the commands begin that alerts, pages and reports advise."""
WORDED = (
    "daily",
    "freshness",
    "delivery",
    "deliver",
    "act",
    "alert_asset",
    "delivered_asset",
    "pool",
    "connection",
    "store_variable",
    "dsn_variable",
    "sink_connection",
    "sink_variable",
)
"""The ids of a service that stand in texts."""


@dataclass(frozen=True)
class Service:
    """One configuration with its own DAGs, pool, connection, asset, store and pages.

    The name is empty for the only service of an installation that never named it.
    """

    name: str
    config: Path | None
    root: Root | None
    problem: str = ""
    """Why its ids cannot be known, and what to do; then nothing may run under its name. Empty: they are known."""

    @property
    def daily(self) -> str:
        """Id of the DAG that makes and publishes releases."""
        return self._named("daily_recommendations")

    @property
    def freshness(self) -> str:
        """Id of the DAG that watches what is live."""
        return self._named("release_freshness")

    @property
    def delivery(self) -> str:
        """Id of the DAG that delivers alerts."""
        return self._named("alert_delivery")

    @property
    def deliver(self) -> str:
        """Id of the DAG that delivers products, which is there where products are configured."""
        return self._named("deliver_recommendations")

    @property
    def act(self) -> str:
        """Id of the DAG each of whose runs does what a person asked for on the pages."""
        return self._named("recommendations_act")

    @property
    def dag_ids(self) -> tuple[str, ...]:
        """Ids of the DAGs that this service always has."""
        return self.daily, self.freshness, self.delivery, self.act

    @property
    def pool(self) -> str:
        """Airflow's pool of one slot: one run at a time works on the store."""
        return self._named("recsys_state")

    @property
    def connection(self) -> str:
        """Airflow's connection to the source."""
        return self._named("recsys_source")

    @property
    def store_connection(self) -> str:
        """Airflow's connection to the store, where that is in a bucket."""
        return self._named("recsys_store")

    @property
    def store_variable(self) -> str:
        """Airflow's variable that says which store the runs of this service work on."""
        return self._named("recsys_store_mark")

    @property
    def dsn_variable(self) -> str:
        """Environment variable with the source's address, where there is no such connection."""
        return self._named("RECSYS_SOURCE_DSN").upper()

    @property
    def sink_connection(self) -> str:
        """Airflow's connection to the Postgres that products are delivered to."""
        return self._named("recsys_sink")

    @property
    def sink_variable(self) -> str:
        """Environment variable with the sink's address, where there is no such connection."""
        return self._named("RECSYS_SINK_DSN").upper()

    @property
    def asset(self) -> str:
        """Name of the asset whose events tell of new releases."""
        return self._named("live_index")

    @property
    def asset_uri(self) -> str:
        """Address of that asset."""
        return f"recsys://live_index/{self.name}".rstrip("/")

    @property
    def act_events(self) -> str:
        """Alias under which acts add events to that asset; no act is one of its producers, for most change nothing."""
        return self._named("live_index_by_act")

    @property
    def alert_asset(self) -> str:
        """Name of the asset whose events start the delivery of alerts."""
        return self._named("owed_alerts")

    @property
    def alert_asset_uri(self) -> str:
        """Address of that asset."""
        return f"recsys://owed_alerts/{self.name}".rstrip("/")

    @property
    def delivered_asset(self) -> str:
        """Name of the asset whose events tell of deliveries."""
        return self._named("recommendations_delivered")

    @property
    def delivered_asset_uri(self) -> str:
        """Address of that asset."""
        return f"recsys://recommendations_delivered/{self.name}".rstrip("/")

    @property
    def path(self) -> str:
        """Where its pages lie below ``/recsys/``."""
        return f"{self.name}/" if self.name else ""

    def worded(self, text: str) -> str:
        """A text with the commands and the ids of this service, where it has those of the unnamed one."""
        if not self.name:
            return text
        text = re.sub(rf"\brecsys (?={'|'.join(COMMANDS)})", f"recsys --service {self.name} ", text)
        unnamed = Service("", None, None)
        for what in WORDED:
            text = re.sub(rf"\b{getattr(unnamed, what)}\b", getattr(self, what), text)
        return text

    def _named(self, word: str) -> str:
        return f"{word}_{self.name}" if self.name else word


def services_named(environment: Mapping[str, str]) -> list[Service]:
    """Every service that RECSYS_CONFIG and RECSYS_ROOT of an environment name."""
    config = environment.get("RECSYS_CONFIG")
    root = root_of(environment.get("RECSYS_ROOT"), environment)
    return services(Path(config) if config else None, root, environment)


def services(
    path: Path | None, root: Root | None, environment: Mapping[str, str] = MappingProxyType({})
) -> list[Service]:
    """Every service of an installation, by name.

    Args:
        path: what RECSYS_CONFIG names, a file or a folder; None where it is not set, which is one unnamed service.
        root: what RECSYS_ROOT names: the store of one file, the folder of the stores of several.
        environment: what says where the cache of a store in a bucket lies (``root_of``).
    """
    if path is None or not path.is_dir():
        return [_of_file(path, root, environment)]
    files = sorted(file for file in path.glob("*.toml") if file.is_file() and not file.name.startswith("."))
    return _without_clashes([_in_folder(file, root, environment) for file in files])


def sound(every: Iterable[Service]) -> list[Service]:
    """Those whose ids are known."""
    return [service for service in every if not service.problem]


def service_called(name: str, every: Iterable[Service]) -> Service:
    """The service of a name; an empty name means the only one there is.

    Raises:
        ConfigError: there is no such service, its file cannot be read, or there are several and none is named.
    """
    known = list(every)
    if not name and len(known) == 1 and known[0].root:
        return known[0]  # whoever needs what cannot be read of its file will say so
    found = [service for service in known if name == service.name or (not name and len(known) == 1)]
    if not found:
        names = ", ".join(service.name or "one without a name" for service in known) or "none"
        said = f"There is no service {name!r}." if name else "No service is named."
        raise ConfigError(f"{said} There are: {names}. Name one: --service NAME, or RECSYS_SERVICE.")
    if found[0].problem:
        raise ConfigError(found[0].problem)
    return found[0]


def service_of_dag(dag_id: str, every: Iterable[Service]) -> Service | None:
    """The service that a DAG belongs to; None for a DAG of somebody else."""
    return next((service for service in sound(every) if dag_id in (*service.dag_ids, service.deliver)), None)


def _of_file(path: Path | None, root: Root | None, environment: Mapping[str, str]) -> Service:
    try:
        table = load_table(path, "service", ServiceConfig) if path else ServiceConfig()
        own = root_of(table.root, environment)
    except ConfigError as error:
        return Service("", path, root, str(error))
    return Service(table.name, path, own or root)


def _in_folder(file: Path, root: Root | None, environment: Mapping[str, str]) -> Service:
    shown = re.sub("[^a-z0-9_]", "_", file.stem.lower())
    try:
        table = load_table(file, "service", ServiceConfig)
        own = root_of(table.root, environment)
    except ConfigError as error:
        return Service(shown, file, None, str(error))
    name = table.name or file.stem
    if not re.fullmatch(SERVICE_NAME, name):
        said = f"{file}: {name!r} cannot name a service: at most 40 of a-z, 0-9 and _, beginning with a letter."
        return Service(shown, file, None, f"{said} Set name in [service], or rename the file.")
    return Service(name, file, own or (root and root / name))


def _without_clashes(found: list[Service]) -> list[Service]:
    """By name; those of one name, or on one store, all refused: which of them was meant nobody knows."""
    whole = sound(found)
    names = Counter(service.name for service in whole)
    roots = Counter(service.root.resolve() for service in whole if service.root)
    judged = []
    for service in found:
        if not service.problem and names[service.name] > 1:
            said = f"{service.config}: another file of this folder also names the service {service.name!r}."
            service = replace(service, problem=f"{said} Give each its own name in [service].")
        elif not service.problem and service.root and roots[service.root.resolve()] > 1:
            said = f"{service.config}: another service also keeps its store at {service.root}."
            service = replace(service, problem=f"{said} Give each its own root in [service].")
        judged.append(service)
    return sorted(judged, key=lambda service: service.name)
