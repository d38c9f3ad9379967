"""Starts Airflow's processes and a database for them, waits until all are healthy, and leaves nothing behind.

``airflow standalone`` is not used: it orphans its children on SIGTERM. Here every program runs under a guard
(guard.py), so a Ctrl-C, a SIGTERM, an exception or a ``kill -9`` of this process end the same way: the guards see their
pipe close, stop their programs in order, and end what is left of the process tree.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from recsys_tasks.core.errors import RecsysError
from recsys_tasks.demo.airflow_api import AirflowApi, ApiRefused, NoAnswer
from recsys_tasks.demo.airflow_environment import (
    ADMIN,
    COMPONENTS,
    POOLS,
    airflow_environment,
    keep_secrets,
)
from recsys_tasks.demo.airflow_home import check_home, empty_home, held_home
from recsys_tasks.demo.embedded_postgres import running_postgres
from recsys_tasks.demo.guarded import Component, Program, run_to_end, running
from recsys_tasks.demo.ports import ADVICE, Ports, PortTaken, held_ports, who_listens

DEMO_CONFIG = Path(__file__).with_name("demo.toml")
METADATA_VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
SOURCE_VARIABLE, SINK_VARIABLE = "RECSYS_SOURCE_DSN", "RECSYS_SINK_DSN"
AIRFLOW = (sys.executable, "-m", "airflow")
HEALTHY_SECONDS = 180.0
HELPER_SECONDS = 300.0
Say = Callable[[str], None]


def silent(_: str) -> None:
    """Say nothing."""


class RunningAirflow:
    """A running Airflow: its address, its environment, its API as its administrator."""

    def __init__(self, home: Path, environment: Mapping[str, str], components: list[Component]) -> None:
        self.home = home
        self.environment = dict(environment)
        self.url = environment["AIRFLOW__API__BASE_URL"]
        self.passwords = dict(keep_secrets(home).passwords)
        self.user, self.password = ADMIN, self.passwords[ADMIN]
        self.api = AirflowApi(self.url, self.user, self.password)
        self.components = components

    def check_alive(self) -> None:
        """Do nothing while every component runs.

        Raises:
            ComponentFailed: one of them ended; the message has the end of its log.
        """
        for component in self.components:
            component.check_alive()

    def wait_until(self, ready: Callable[[], bool], timeout_s: float, what: str, pause_s: float = 0.5) -> None:
        """Ask again and again until the answer is yes, as long as every component runs; none in time is no refusal.

        Raises:
            ComponentFailed: a component ended.
            RecsysError: the time is over; ``what`` says what did not come about.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            with suppress(NoAnswer):
                if ready():
                    return
            self.check_alive()
            if time.monotonic() > deadline:
                raise RecsysError(
                    f"{what} did not come about within {timeout_s:.0f} s; the logs are in {self.home}/logs"
                )
            time.sleep(pause_s)


@contextmanager
def running_databases(home: Path, base: Mapping[str, str], lock: int) -> Iterator[tuple[str, str]]:
    """Yield (SQLAlchemy address of the metadata, libpq address of the source).

    A database that ``base`` names is used as it is; for one that it does not name, an embedded server is started with
    an empty database.
    """
    with ExitStack() as stack:
        metadata, source = base.get(METADATA_VARIABLE), base.get(SOURCE_VARIABLE)
        if metadata is None or source is None:
            server = stack.enter_context(running_postgres(home, (lock,)))
            if metadata is None:
                server.create_database("airflow")
                metadata = server.sqlalchemy_url("airflow")
            source = source or server.create_database("recsys_source")
        yield metadata, source


@contextmanager
def running_airflow(
    home: Path,
    environment: Mapping[str, str] | None = None,
    *,
    base: Mapping[str, str] | None = None,
    beside: Sequence[Program] = (),
    say: Say = silent,
    command: Sequence[str] = AIRFLOW,
    pools: Mapping[str, int] = POOLS,
    port: int = 0,
) -> Iterator[RunningAirflow]:
    """Start databases and Airflow in ``home``, which is emptied first; yield when all is healthy; stop all at the end.

    ``base`` is the environment to start from (the caller's own, if not given); ``environment`` wins over it and over
    everything that is decided here. The programs ``beside`` run during the start, in the same environment, and must
    have ended well before the start counts as done. ``command`` begins every command line of Airflow's; ``pools``
    are made where they are missing. ``port`` is that of the UI; 0: any that is free.

    Raises:
        AlreadyRunning: somebody else uses the home.
        PortTaken: somebody else has the port.
        ComponentFailed: a program ended early or was not ready in time; the message has the end of its log.
    """
    given = {**(os.environ if base is None else base), **(environment or {})}
    home = home.resolve()
    with ExitStack() as stack:
        check_home(home)
        ports = stack.enter_context(held_ports(port))
        lock = stack.enter_context(held_home(home))
        say(f"Starting in {home}, which is made anew; the logs are in {home}/logs")
        empty_home(home)
        timer = _Timer(say)
        metadata, source = stack.enter_context(running_databases(home, given, lock))
        timer.done("databases are up")
        for name in (METADATA_VARIABLE, SOURCE_VARIABLE):
            if name in given:
                say(f"        the database of {name} is used, which the environment names")
        everything = {**_environment(home, given, metadata, source, ports), **(environment or {})}
        helpers = stack.enter_context(running(_locked(beside, lock), everything, home / "logs"))
        run_to_end(_airflow("migrate", [*command, "db", "migrate"], lock), everything, home / "logs")
        timer.done("Airflow's tables are made")
        programs = [_airflow(name, [*command, *words], lock) for name, words in COMPONENTS.items()]
        components = stack.enter_context(running(programs, everything, home / "logs"))
        airflow = RunningAirflow(home, everything, components)
        stack.callback(airflow.api.close)
        airflow.wait_until(lambda: not airflow.api.unhealthy(), HEALTHY_SECONDS, "Airflow's good health")
        require_ours(airflow.api, ports.api)
        for pool, slots in pools.items():
            airflow.api.ensure_pool(pool, slots)
        timer.done(f"Airflow is healthy: {airflow.url}")
        for helper in helpers:
            helper.wait_success(HELPER_SECONDS)
            timer.done(f"{helper.program.name} is ready")
        airflow.check_alive()
        yield airflow


def require_ours(api: AirflowApi, port: int) -> None:
    """Pass where the server that answers knows our user.

    Raises:
        PortTaken: it is somebody else's, who took the port while ours had not yet listened.
    """
    try:
        api.token()
    except NoAnswer:  # late, as on a busy machine
        raise
    except ApiRefused as refused:
        taken = f"Port {port} was free, and was taken during the start: {who_listens(port)}. {ADVICE} ({refused})"
        raise PortTaken(taken) from None


class _Timer:
    """Says what is done and the seconds since the start."""

    def __init__(self, say: Say) -> None:
        self._say, self._start = say, time.monotonic()

    def done(self, what: str) -> None:
        self._say(f"{time.monotonic() - self._start:6.1f} s  {what}")


def _airflow(name: str, command: Sequence[str], lock: int) -> Program:
    """An Airflow command line under a name of ours."""
    # The triggerer waits 10 s for a child that does not hear it; what it does is kept in the database at any moment.
    grace_s = 1.0 if name == "triggerer" else 5.0
    return Program(name, command, grace_s=grace_s, held_descriptors=(lock,))


def _locked(programs: Sequence[Program], lock: int) -> list[Program]:
    """The programs, whose guards hold the home's lock too."""
    return [replace(program, held_descriptors=(lock,)) for program in programs]


def _environment(home: Path, given: Mapping[str, str], metadata: str, source: str, ports: Ports) -> dict[str, str]:
    """Airflow's environment and the library's."""
    everything = airflow_environment(home, ports, keep_secrets(home), metadata, given)
    everything["RECSYS_ROOT"] = str(home / "store")
    everything["RECSYS_CONFIG"] = str(DEMO_CONFIG)
    everything[SOURCE_VARIABLE] = source
    if (
        SOURCE_VARIABLE not in given
    ):  # products go beside the streams, where they can be joined with the names of tracks
        everything[SINK_VARIABLE] = source
    for directory in (everything["RECSYS_ROOT"], everything["AIRFLOW_HOME"], everything["XDG_RUNTIME_DIR"]):
        Path(directory).mkdir(mode=0o700, parents=True)
    return everything
