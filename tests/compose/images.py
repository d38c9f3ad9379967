"""The images that our files name: pulled where a registry answers, else made from Debian's packages."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compose.engines import HERE, Engine, Failed, install_root

NAMED = re.compile(r"^\s*(?:FROM|image:) ((?:\S+/)?[^\s@:/]+):([^\s@]+)", re.MULTILINE)
OWN = "recsys-"
"""Begins the names of the images that our file builds itself."""
PULL_SECONDS = 600.0
BASE_RELEASE = "bookworm"
"""The Debian of the official images of Airflow and Redis."""
STAND_INS = {"apache/airflow": "airflow", "postgres": "postgres", "redis": "redis"}
"""Image -> folder of its stand-in."""


@dataclass(frozen=True)
class Secrets:
    """Files that a build is given for pip: its configuration, and a certificate that the configuration names."""

    pip_conf: Path
    build_ca: Path

    @property
    def options(self) -> list[str]:
        """The same as options of ``docker build``."""
        return [f"--secret=id=pip_conf,src={self.pip_conf}", f"--secret=id=build_ca,src={self.build_ca}"]


def named_images(clone: Path) -> dict[str, str]:
    """Image -> tag of all that our files pull, the digest left out."""
    text = "".join((clone / name).read_text() for name in ("Dockerfile", "docker-compose.yml"))
    return {name: tag for name, tag in NAMED.findall(text) if not name.startswith(OWN)}


def provide(engine: Engine, clone: Path, work: Path, secrets: Secrets, say: Callable[[str], None]) -> list[str]:
    """Get every image; the names of those that are stand-ins.

    Raises:
        Failed: an image can neither be pulled nor stood in for.
    """
    missing = {}
    for name, tag in named_images(clone).items():
        try:
            engine.docker("pull", "--quiet", f"{name}:{tag}", timeout_s=PULL_SECONDS)
            say(f"{name}:{tag} was pulled")
        except Failed as error:
            missing[name] = tag
            say(f"{name}:{tag} cannot be pulled: {str(error).splitlines()[-1][:160]}")
    if unknown := missing.keys() - STAND_INS.keys():
        raise Failed(f"There is no stand-in for {', '.join(sorted(unknown))} in {HERE / 'standins'}.")
    if missing and not engine.is_own:
        raise Failed("This machine's engine cannot pull the images, and gets no stand-ins in their names.")
    if missing:
        stand_in(engine, missing, work, secrets)
    return sorted(missing)


def stand_in(engine: Engine, missing: dict[str, str], work: Path, secrets: Secrets) -> None:
    """Make the images from Debian's packages."""
    root = work / "base"
    install_root(root, BASE_RELEASE)
    with subprocess.Popen(["tar", "-C", str(root), "--numeric-owner", "-c", "."], stdout=subprocess.PIPE) as packed:
        engine.docker("import", "--change", 'CMD ["bash"]', "-", "root:local", given=packed.stdout)
    folder = work / "standins"
    _build(engine, folder, "base", "base:local", secrets)
    for name, tag in missing.items():
        _build(engine, folder, STAND_INS[name], f"{name}:{tag}", secrets, f"--build-arg=VERSION={tag.split('-')[0]}")


def _build(engine: Engine, folder: Path, kind: str, tag: str, secrets: Secrets, *options: str) -> None:
    engine.docker("build", "--progress=plain", f"--tag={tag}", *secrets.options, *options, kind, folder=folder)
