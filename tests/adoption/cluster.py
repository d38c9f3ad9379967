"""The stranger's own Postgres cluster, from the distribution's packages, with passwords, on the loopback."""

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sinks import free_port

from recsys_tasks.core.errors import ConfigError
from recsys_tasks.demo.embedded_postgres import check_reachable, wait_ready
from recsys_tasks.demo.guarded import Program, plain_environment, run_to_end, running

INSTALLED = Path("/usr/lib/postgresql")
ACCOUNT_WHEN_ROOT = "postgres"  # the package makes it


@dataclass(frozen=True)
class Cluster:
    """A running server, and the passwords of its roles."""

    port: int
    programs: Path
    passwords: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_hex(8) for name in ("owner", "reader")}
    )

    def address(self, role: str, database: str) -> str:
        """libpq address of a database for a role."""
        return f"postgresql://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def run(self, database: str, script: Path, **variables: str) -> None:
        """Run a file of SQL as the owner, in one transaction."""
        given = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
        words = [str(self.programs / "psql"), "-q", "-X", "-1", "-v", "ON_ERROR_STOP=1", *given, "-f", str(script)]
        subprocess.run([*words, self.address("owner", database)], check=True, stdout=subprocess.DEVNULL)

    def create(self, database: str) -> None:
        """Create an empty database."""
        words = [str(self.programs / "createdb"), f"--maintenance-db={self.address('owner', 'postgres')}", database]
        subprocess.run(words, check=True)


@contextmanager
def running_cluster(home: Path) -> Iterator[Cluster]:
    """Make a cluster under ``home/postgres`` and run its server until the end.

    Raises:
        ConfigError: no PostgreSQL is installed, or its account cannot enter the home.
        ComponentFailed: the server did not start.
    """
    cluster = Cluster(free_port(), _programs())
    account, data, logs = ACCOUNT_WHEN_ROOT if os.geteuid() == 0 else "", home / "postgres", home / "logs"
    _make(cluster, data, account, logs)
    command = [str(cluster.programs / "postgres"), "-D", str(data), "-k", str(data), "-p", str(cluster.port)]
    server = Program("postgres", [*command, "-c", "listen_addresses=127.0.0.1"], "SIGINT", 10.0, account)
    with running([server], plain_environment(), logs) as (component,):
        wait_ready(cluster.address("owner", "postgres"), component)
        yield cluster


def _programs() -> Path:
    """Folder of the newest PostgreSQL's programs."""
    found = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise ConfigError(f"No PostgreSQL lies in {INSTALLED}. Install the distribution's package postgresql.")
    return found[-1].parent


def _make(cluster: Cluster, data: Path, account: str, logs: Path) -> None:
    """An empty cluster whose superuser is the owner."""
    check_reachable(data, account)
    data.mkdir(mode=0o700)
    password = data.with_name("owner.password")
    password.write_text(cluster.passwords["owner"])
    password.chmod(0o600)
    if account:
        for path in (data, password):
            shutil.chown(path, account, pwd.getpwnam(account).pw_gid)
    options = ["-U", "owner", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
    made = [str(cluster.programs / "initdb"), "--no-sync", *options, "-D", str(data)]
    run_to_end(Program("initdb", made, user=account), plain_environment(), logs)
    password.unlink()
