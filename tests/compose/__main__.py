"""Builds docker-compose.yml and the Dockerfile as they are, starts everything, and looks at what it does.

    demo       tasks in the scheduler, the store in a volume, a made-up source, the reader: a day; users, pages, logs
               and lists; every process killed and back; another day; down and up again with all that was kept
    workers    two Celery workers, the store in the bucket of the profile "s3": a day, with the same lists as in "demo"

Where this machine has a Docker engine that may pull the images, it is used. Else an engine of Debian's packages is made
in a folder, and stand-ins for images that no registry gives: that needs root, debootstrap and 8 GB of disk.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adoption.surroundings import own_copy

from compose.engines import HERE, Engine, Failed, answers, own_engine
from compose.images import provide
from compose.plans import PLANS
from compose.settings_of_run import secrets_of_build
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.demo.guarded import ending_in_order

CLONE = HERE.parents[1]
NOT_SHOWN = """What the stand-ins cannot show: that the official images can be pulled, and start; that what the image of
Airflow brings along (more providers, other system packages) agrees with our locks; PostgreSQL and Redis of the versions
that the file names, instead of Debian's; other processors than this one."""


def main() -> int:
    """Play the plans asked for; 0 when everything was as it should be."""
    parser = argparse.ArgumentParser(
        prog="scripts/compose-check", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("plans", nargs="*", metavar="PLAN", help=f"of {', '.join(PLANS)}; all by default")
    parser.add_argument("--work", type=Path, help="folder that is kept, and saves the next run its downloads")
    args = parser.parse_args()
    if unknown := set(args.plans) - set(PLANS):
        parser.error(f"there is no plan {', '.join(sorted(unknown))}")
    with ending_in_order():
        try:
            return check(args.plans or list(PLANS), args.work)
        except (Failed, RecsysError) as error:
            print(f"compose-check: {error}", file=sys.stderr)
            return 1


def check(plans: list[str], kept: Path | None) -> int:
    """All of it, in a folder that is removed at the end unless somebody named it."""
    say = timer()
    with folder_of_work(kept) as work, engine_for(work) as engine:
        version = engine.docker("version", "--format={{.Server.Version}}")
        compose = engine.docker("compose", "version", "--short")
        say(f"Docker {version}, Compose {compose}, {'made in a folder' if engine.is_own else 'of this machine'}")
        clone = work / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        own_copy(clone)
        shutil.copytree(HERE / "standins", work / "standins", dirs_exist_ok=True)
        build = secrets_of_build(work)
        missing = provide(engine, clone, work, build, say)
        say(f"stand-ins: {', '.join(missing) or 'none'}")
        live = {name: PLANS[name](engine, clone, build, say) for name in plans}
        if len({each["candidate"] for each in live.values()}) > 1:
            raise Failed(f"The plans made different releases of the same day: {live}")
        say(f"All is well: {', '.join(plans)}.")
        if missing:
            print(NOT_SHOWN)
    return 0


def timer():
    """What tells how far it is, with the seconds since now."""
    begun = time.monotonic()
    return lambda line: print(f"{time.monotonic() - begun:5.0f} s  {line}", flush=True)


@contextmanager
def folder_of_work(kept: Path | None) -> Iterator[Path]:
    """A folder for everything."""
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    work = Path(tempfile.mkdtemp(prefix="recsys-compose-"))
    try:
        yield work
    finally:
        shutil.rmtree(work)


@contextmanager
def engine_for(work: Path) -> Iterator[Engine]:
    """This machine's engine, where there is one that reads our file; else one of our own."""
    if shutil.which("docker") and answers(Engine(is_own=False)):
        yield Engine(is_own=False)
        return
    if os.geteuid() or not shutil.which("debootstrap"):
        raise Failed("No Docker engine with Compose 2.24 answers; to make one, this needs root and debootstrap.")
    with own_engine(work) as engine:
        yield engine


if __name__ == "__main__":
    sys.exit(main())
