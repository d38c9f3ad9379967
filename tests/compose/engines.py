"""Docker engines: this machine's own, or one from Debian's packages in a folder, which leaves the machine as it was."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

HERE, ROOT = Path(__file__).parent, Path("/")
PACKAGES = "docker.io,docker-cli,docker-compose,docker-buildx,iptables,iproute2,ca-certificates,procps"
RELEASE = "trixie"
"""The first Debian whose Compose reads our file."""
OLDEST = (2, 24)
"""The first Compose that reads our file."""
START_SECONDS = 120.0
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
FORGET_RULES = "for of in iptables ip6tables; do $of-save | grep -v -i docker | $of-restore; done"
INSTALLED = "etc/installed"
"""Stamp of a small Debian that is complete."""


class Failed(Exception):
    """A command ended with an error: the message has the command and the end of what it wrote."""


class Engine:
    """A Docker engine, asked through its command line."""

    def __init__(self, is_own: bool, entered: Sequence[str] = (), root: str = "", socket: str = "") -> None:
        """is_own: this program made it. entered, root, socket: words that enter its folder, as what, its address."""
        self.is_own, self._entered, self._root = is_own, list(entered), root
        self._environment = {"PATH": PATH, "HOME": "/root", "DOCKER_HOST": socket} if entered else dict(os.environ)

    def run(self, *words: str, folder: Path = ROOT, timeout_s: float = 1800, given: IO[bytes] | None = None) -> str:
        """Run a command where the engine is to its end; what it wrote. given: its standard input.

        Raises:
            Failed: it ended with an error, or not in time.
        """
        entered = [*self._entered, f"--wd={self._root}{folder}"] if self._entered else []
        try:
            done = subprocess.run(
                [*entered, *words],
                env=self._environment,
                cwd=folder,
                stdin=given or subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(words)}: not done after {timeout_s:.0f} s") from None
        if done.returncode:
            tail = (done.stdout + done.stderr).decode(errors="replace")[-3000:]
            raise Failed(f"{' '.join(words)}: exit code {done.returncode}\n{tail}")
        return done.stdout.decode(errors="replace").strip()

    def docker(self, *words: str, **options) -> str:
        """Run ``docker ...``."""
        return self.run("docker", *words, **options)


def answers(engine: Engine) -> bool:
    """Whether the engine is there, with a Compose that reads our file."""
    try:
        engine.docker("version")
        version = engine.docker("compose", "version", "--short")
    except (Failed, FileNotFoundError):
        return False
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2]) >= OLDEST


@contextmanager
def own_engine(work: Path) -> Iterator[Engine]:
    """An engine below a folder, until the end; afterwards neither process, bridge nor rule of it is left."""
    root = work / "engine"
    install_root(root, RELEASE, PACKAGES)
    for name in ("run", "state"):
        (work / name).mkdir(exist_ok=True)
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    before, policy = forwarding.read_text(), _within(root, "iptables -S FORWARD | head -n 1")
    with (work / "dockerd.log").open("ab") as log:
        daemon = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", str(HERE / "own_engine.sh"), str(root), str(work)],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    inside = f"/proc/{daemon.pid}"
    entered = ["nsenter", f"--mount={inside}/ns/mnt", f"--root={inside}/root"]
    engine = Engine(True, entered, f"{inside}/root", f"unix://{work}/run/docker.sock")
    try:
        _wait_until_it_answers(engine, daemon, work / "dockerd.log")
        yield engine
    finally:
        with suppress(Failed):
            _empty(engine)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=120)
        subprocess.run(["ip", "link", "del", "docker0"], stderr=subprocess.DEVNULL)
        _within(root, f"{FORGET_RULES}; iptables {policy}")
        forwarding.write_text(before)


def install_root(root: Path, release: str, packages: str = "") -> None:
    """A small Debian in a folder, unless it lies there already.

    Raises:
        Failed: it cannot be fetched.
    """
    if (root / INSTALLED).exists():
        return
    shutil.rmtree(root, ignore_errors=True)
    words = ["debootstrap", "--variant=minbase", *([f"--include={packages}"] if packages else []), release, str(root)]
    done = subprocess.run([*words, *_mirror()], capture_output=True)
    if done.returncode:
        raise Failed(f"{' '.join(words)}: {done.stdout.decode(errors='replace')[-2000:]}")
    (root / INSTALLED).touch()


def _mirror() -> list[str]:
    """Where this machine has its Debian packages from; nothing where it does not say."""
    for path in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        if found := re.search(r"^URIs:\s*(\S*/debian/?)$", path.read_text(), re.MULTILINE):
            return [found[1]]
    return []


def _within(root: Path, line: str) -> str:
    """Run a line of shell with a folder as its root; what it wrote."""
    return subprocess.run(["chroot", str(root), "/bin/sh", "-c", line], capture_output=True, text=True).stdout.strip()


def _wait_until_it_answers(engine: Engine, daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not answers(engine):
        if daemon.poll() is not None or time.monotonic() > end:
            raise Failed(f"dockerd does not answer. The end of its log:\n{log.read_text()[-2000:]}")
        time.sleep(0.5)


def _empty(engine: Engine) -> None:
    """Remove all containers and networks: what is left of a network would outlive the engine."""
    if containers := engine.docker("ps", "--all", "--quiet").split():
        engine.docker("rm", "--force", *containers)
    engine.docker("network", "prune", "--force")
