"""The plans: what is started, and what has to be seen of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compose.engines import Engine, Failed
from compose.images import Secrets
from compose.looks import PAGES, VIEWER, VIEWER_PASSWORD, Looking
from compose.settings_of_run import write_settings
from compose.stack import JOBS, Stack
from recsys_tasks.demo.ports import held_ports

Say = Callable[[str], None]
DAY, NEXT = "2026-02-07", "2026-02-08"
"""The last dates of the demo's world."""
BUCKET = "s3://recsys/store"


def demo(engine: Engine, clone: Path, build: Secrets, say: Say) -> dict[str, Any]:
    """On one machine with one disk; what was live after the first day."""
    with started(engine, clone, build, say, ("demo", "reader"), {}) as looking:
        stack = looking.stack
        looking.run_day(DAY)
        live = looking.live()
        say(f"the day {DAY}: release {live['release']}")
        look_at_people(looking, say)
        look_at_reader(looking, live["release"], say)
        before = stack.restarts()
        stack.kill({each["Service"] for each in stack.containers()} - set(JOBS))
        stack.wait_until_healthy()
        again = [name for name, count in stack.restarts().items() if count > before[name]]
        say(f"{len(again)} killed, back and healthy: {', '.join(sorted(again))}")
        looking.run_day(NEXT)
        after = looking.live()
        say(f"the day {NEXT}: release {after['release']}")
        stack.compose("down")
        stack.up()
        say(f"down and up again, healthy\n{stack.states()}")
        kept(looking.live()["candidate"] == after["candidate"], "the live release")
        kept(len(looking.api().runs("daily_recommendations")) >= 2, "the runs")
        kept(bool(looking.api(VIEWER, VIEWER_PASSWORD).token()), "the people")
        look_at_reader(looking, after["release"], say)
        say("kept: the live release, the runs, the people")
    return live


def workers(engine: Engine, clone: Path, build: Secrets, say: Say) -> dict[str, Any]:
    """On two workers, and a bucket; what was live after the day."""
    given = {"AIRFLOW_EXECUTOR": "CeleryExecutor", "RECSYS_ROOT": BUCKET}
    profiles = ("demo", "reader", "celery", "s3")
    with started(engine, clone, build, say, profiles, given, ("--scale", "worker=2")) as looking:
        hosts = looking.run_day(DAY)
        live = looking.live()
        say(f"the day {DAY} on {len(hosts)} workers: release {live['release']}")
        seen(len(hosts) == 2, f"both workers did tasks; these did: {hosts}")
        look_at_people(looking, say)
        look_at_reader(looking, live["release"], say)
    return live


PLANS: dict[str, Callable[[Engine, Path, Secrets, Say], dict[str, Any]]] = {"demo": demo, "workers": workers}


@contextmanager
def started(
    engine: Engine,
    clone: Path,
    build: Secrets,
    say: Say,
    profiles: tuple[str, ...],
    given: dict[str, str],
    options: tuple[str, ...] = (),
) -> Iterator[Looking]:
    """Build and start everything; at the end take it down with all that it kept."""
    with held_ports(0) as ports:
        own = {"AIRFLOW_PORT": str(ports.api), "RECSYS_SERVICE_PORT": str(ports.worker_log)}
    values = own | write_settings(clone, build, {**given, **own})
    stack = Stack(engine, clone, profiles, options)
    say(f"profiles {', '.join(profiles)}")
    try:
        stack.compose("build", "--progress=plain")
        say("built")
        stack.up()
        say(f"up, healthy\n{stack.states()}")
        yield Looking(stack, values)
    finally:
        stack.compose("down", "--volumes", "--timeout=30")


def look_at_people(looking: Looking, say: Say) -> None:
    """Who gets in, and what they see."""
    seen(looking.refused("admin", "a wrong password"), "a wrong password is refused")
    looking.add_viewer()
    people = {"admin": looking.api(), VIEWER: looking.api(VIEWER, VIEWER_PASSWORD)}
    for name in PAGES:
        for person, api in people.items():
            answer = looking.page(name, api)
            seen(answer.is_success, f"{person} sees the page {name}: {answer.status_code} {answer.text[-500:]}")
        seen(looking.page(name).status_code == 401, f"a stranger is kept from the page {name}")
    seen("Release" in looking.page("live", people["admin"]).text, "the page shows a release")
    seen(bool(looking.log_of(DAY, "publish").strip()), "the log of a task can be read")
    say(f"people: admin and a viewer see {len(PAGES)} pages, nobody else any; the logs of tasks can be read")


def look_at_reader(looking: Looking, release: int, say: Say) -> None:
    """Who is answered, and from what."""
    looking.wait_until_served(release)
    seen(looking.served("/v1/popular").status_code == 401, "who shows no token is refused")
    listed = looking.served("/v1/listeners/906/discover?k=10", looking.values["READER_TOKEN"]).json()
    seen((listed["release"], len(listed["tracks"])) == (release, 10), f"a listener gets ten tracks: {listed}")
    say(f"the reader answers from release {release}, and refuses who shows no token")


def seen(so: bool, what: str) -> None:
    """Pass where it is so.

    Raises:
        Failed: it is not.
    """
    if not so:
        raise Failed(f"This was not seen: {what}")


def kept(so: bool, what: str) -> None:
    """Pass where something was kept.

    Raises:
        Failed: it was not.
    """
    seen(so, f"{what} of before were kept")
