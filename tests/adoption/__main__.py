"""From nothing to a service that recommends, is hurt, and recovers, by README's commands alone.

    scripts/adopt [--home DIRECTORY] [--pictures DIRECTORY]

An own Postgres cluster with another schema, an own Airflow with a foreign DAG, an own mail server. A quarter of an hour
on 2 cores. Everything lies under the home, the transcript too, and is made anew at each start.
"""

import argparse
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from browser import PLUGIN, Browsing, signed_in
from sinks import Mail, mail_sink

from adoption.cluster import Cluster, running_cluster
from adoption.manual import README, Shell, blocks, replaced
from adoption.surroundings import CLONE, FOREIGN_DAG, folders, outside, own_copy, own_python, with_programs
from recsys_tasks.core.errors import RecsysError
from recsys_tasks.demo.guarded import Program, ending_in_order, plain_environment, run_to_end
from recsys_tasks.demo.supervisor import METADATA_VARIABLE, RunningAirflow, running_airflow

HERE = Path(__file__).parent
DAG_ID = "daily_recommendations"
DAYS = 29  # of the world, the last of them today
SOON, LONG = 240.0, 900.0  # seconds
ENDED = ("success", "failed")
CLEAR = re.compile(r"airflow tasks clear .*? -e \S+")


@dataclass
class Story:
    """What the parts of the story share."""

    home: Path
    cluster: Cluster
    shell: Shell
    mail: Mail
    pictures: Path
    examples: dict[str, str]
    airflow_variables: dict[str, str]
    python: Path

    def say(self, line: str) -> None:
        """Tell how far it is."""
        print(f"{datetime.now(UTC):%H:%M:%S}  {line}", flush=True)

    @contextmanager
    def airflow(self, name: str) -> Iterator[RunningAirflow]:
        """The stranger's Airflow, (re)started with what the terminal's environment holds now."""
        own = {name: value for name, value in self.shell.environment.items() if name.startswith("RECSYS")}
        given = {**self.airflow_variables, **own, "PYTHONPATH": ""}
        command = [str(self.python), "-m", "airflow"]
        base = with_programs(outside(), self.python) | {METADATA_VARIABLE: self.airflow_variables[METADATA_VARIABLE]}
        base["RECSYS_SOURCE_DSN"] = own.get("RECSYS_SOURCE_DSN", "postgresql://nobody@127.0.0.1/none")
        with running_airflow(self.home / "airflow", given, base=base, command=command, pools={}) as running:
            self.shell.environment |= {
                name: value for name, value in running.environment.items() if name.startswith(("AIRFLOW", "XDG"))
            }
            self.say(f"{name}: Airflow is up at {running.url} ({running.user}, {running.password})")
            yield running


def main() -> int:
    """Tell the story; 0 when all of it came about."""
    parser = argparse.ArgumentParser(
        prog="scripts/adopt", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--home", type=Path, default=CLONE / ".adopt", help="where everything is kept (.adopt)")
    parser.add_argument("--pictures", type=Path, help="folder of the screenshots (pictures in the home)")
    options = parser.parse_args()
    home = options.home.resolve()
    began = time.monotonic()
    with ending_in_order(), ExitStack() as stack:
        try:
            story = prepared(home, options.pictures or home / "pictures", stack)
            before_anything_of_ours(story)
            by_the_manual(story)
        except RecsysError as error:
            print(f"adopt: {error}", file=sys.stderr)
            return 1
    print(f"All of it came about, in {(time.monotonic() - began) / 60:.0f} minutes. Transcript: {home}/transcript.txt")
    return 0


def prepared(home: Path, pictures: Path, stack: ExitStack) -> Story:
    """The stranger's world before anybody has heard of us."""
    if home.exists() and any(home.iterdir()) and not (home / "transcript.txt").exists():
        raise RecsysError(f"{home} is not empty and no home of ours: it would be emptied. Choose another.")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "transcript.txt").touch()
    os.chdir(home)  # whatever is started from the clone would find our package there
    pictures.mkdir(parents=True, exist_ok=True)
    cluster = stack.enter_context(running_cluster(home))
    for database in ("music", "airflow"):
        cluster.create(database)
    fill(cluster, home)
    python = own_python(home / "venv")
    address = cluster.address("owner", "airflow").replace("postgresql://", "postgresql+psycopg2://")
    variables = folders(home / "own") | {METADATA_VARIABLE: address}
    shell = Shell(own_copy(home / "clone"), with_programs(outside(), python) | variables, home / "transcript.txt")
    mail = stack.enter_context(mail_sink())
    return Story(home, cluster, shell, mail, pictures, examples(home, cluster, mail), variables, python)


def fill(cluster: Cluster, home: Path) -> None:
    """A synthetic world's streams up to this moment, under the stranger's names."""
    make = [sys.executable, "-m", "recsys_tasks", "world", "make", "--preset", "demo", "--days", str(DAYS)]
    first = yesterday() - timedelta(days=DAYS - 2)
    environment = plain_environment(RECSYS_SOURCE_DSN=cluster.address("owner", "music"))
    run_to_end(Program("world", [*make, "--start", first.isoformat()]), environment, home / "logs")
    cluster.run("music", HERE / "service.sql", password=cluster.passwords["reader"])


def examples(home: Path, cluster: Cluster, mail: Mail) -> dict[str, str]:
    """README's example values -> the stranger's."""
    last = yesterday()
    dates = {f"2026-11-{22 - back}": (last - timedelta(days=back)).isoformat() for back in range(8)}
    return dates | {
        "/etc/recsys": str(home / "etc"),
        "/var/lib/recsys": str(home / "store"),
        "postgresql://reader:secret@db.example.com/music": cluster.address("reader", "music"),
        "mail.example.com --conn-port 25": f"127.0.0.1 --conn-port {mail.port}",
    }


def yesterday() -> date:
    """The last day that is over."""
    return datetime.now(UTC).date() - timedelta(days=1)


def before_anything_of_ours(story: Story) -> None:
    """DAGs and plugins were copied, the package was not installed: the server lives, and says what is missing."""
    for name in ("dags", "plugins"):
        target = Path(story.airflow_variables[f"AIRFLOW__CORE__{name.upper()}_FOLDER"])
        shutil.copytree(CLONE / name, target / "recommendations" if name == "dags" else target, dirs_exist_ok=True)
    with story.airflow("without our package") as airflow:
        airflow.wait_until(lambda: airflow.api.dag_is_known(FOREIGN_DAG), SOON, "the foreign DAG")
        airflow.wait_until(lambda: bool(airflow.api.import_errors()), SOON, "the import error of our DAGs")
        for error in airflow.api.import_errors():
            story.say(f"  import error: {error}")
        run_foreign(airflow)
        with signed_in(airflow.url, airflow.user, airflow.password) as seen:
            seen.page.goto(PLUGIN)
            seen.frame().get_by_text("pip install").first.wait_for()
            picture(story, seen, "package-missing")


def run_foreign(airflow: RunningAirflow) -> None:
    """Somebody else's DAG runs, whatever became of ours."""
    airflow.api.unpause(FOREIGN_DAG)
    airflow.api.post(f"/dags/{FOREIGN_DAG}/dagRuns", {"logical_date": None})
    airflow.wait_until(lambda: states(airflow, FOREIGN_DAG) == ["success"], SOON, "the run of the foreign DAG")


def by_the_manual(story: Story) -> None:
    """README's blocks, one after the other; Airflow is restarted where README says so."""
    spoil(story)
    install, name, check, try_, enter, begin, daily = blocks(README.read_text())
    for block in (install, name):
        follow(story, block)
    looked_at(story, check)
    for block in (try_, enter):
        follow(story, block)
    with story.airflow("with our package") as airflow:
        airflow.wait_until(lambda: airflow.api.dag_is_known(DAG_ID), SOON, "our DAG")
        follow(story, begin)
        a_bad_day(story, airflow)
        follow(story, daily)
        airflow.wait_until(
            lambda: all(state in ENDED for state in states(airflow, DAG_ID)), LONG, "a day and a backfill"
        )
        told(story, airflow)
        recovery(story, airflow)
        pictures(story, airflow)
        run_foreign_again(airflow)
    story.say(story.shell.run("recsys status"))


def follow(story: Story, block: str, allowed: int = 0) -> str:
    """Run a block of README with the stranger's values; what it said."""
    own, _ = replaced(block, story.examples)
    for line in block.splitlines():
        story.say(f"  $ {line}")
    return story.shell.run(own, allowed)


def looked_at(story: Story, check: str) -> None:
    """What the doctor says before Airflow knows of us: all else is as it has to be."""
    said = follow(story, check, allowed=1)
    failures = [line for line in said.splitlines() if line.startswith("FAIL")]
    if any(not line.startswith("FAIL  airflow: ") for line in failures):
        raise RecsysError(f"the doctor finds more to mend than Airflow:\n{said}")


def spoil(story: Story) -> None:
    """Yesterday was loaded wrongly."""
    story.cluster.run("music", HERE / "spoil_a_day.sql", **bounds(yesterday()))


def bounds(day: date) -> dict[str, str]:
    """First instant of a day, and of the next."""
    return {"first": f"{day} 00:00:00+00", "end": f"{day + timedelta(days=1)} 00:00:00+00"}


def a_bad_day(story: Story, airflow: RunningAirflow) -> None:
    """The schedule runs yesterday, which was loaded wrongly: the data are stopped, and a mail comes."""
    airflow.wait_until(lambda: "failed" in states(airflow, DAG_ID), LONG, "the stop of the bad day")
    airflow.wait_until(lambda: bool(about_the_bad_day(story)), SOON, "the mail about the bad day")
    for subject, text in mails(story):
        story.say(f"mail: {subject}\n{text}")


def about_the_bad_day(story: Story) -> str:
    """The mail that says that yesterday is quarantined; empty as long as there is none."""
    return next((text for subject, text in mails(story) if f"{yesterday()} quarantined" in subject), "")


def recovery(story: Story, airflow: RunningAirflow) -> None:
    """The source is mended, and the mail's own command is typed in: the day passes and goes live."""
    story.cluster.run("music", HERE / "mend_the_day.sql", **bounds(yesterday()))
    command = CLEAR.findall(about_the_bad_day(story))[0]
    story.say(f"  $ {command}")
    story.shell.run(f"{command} <<< y")  # it asks whether that is meant
    airflow.wait_until(lambda: set(states(airflow, DAG_ID)) == {"success"}, LONG, "the recovery of the bad day")
    assert yesterday().isoformat() in story.shell.run("recsys status").splitlines()[0], "the mended day is not live"


def told(story: Story, airflow: RunningAirflow) -> None:
    """Each run and its state."""
    for run in airflow.api.runs(DAG_ID):
        story.say(f"  {run['dag_run_id']}: {run['state']}")


def mails(story: Story) -> list[tuple[str, str]]:
    """Subject and plain text of what was sent."""
    found = []
    for _, message in story.mail.received:
        plain = next((part for part in message.walk() if part.get_content_type() == "text/plain"), None)
        assert plain is not None, "a mail has no plain text"
        content = plain.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(message["Subject"]), content.decode(plain.get_content_charset() or "utf-8")))
    return found


def states(airflow: RunningAirflow, dag_id: str) -> list[str]:
    """The state of each run of a DAG."""
    return [run["state"] for run in airflow.api.runs(dag_id)]


def run_foreign_again(airflow: RunningAirflow) -> None:
    """Somebody else's DAG runs beside ours as it did before."""
    airflow.api.post(f"/dags/{FOREIGN_DAG}/dagRuns", {"logical_date": None})
    airflow.wait_until(lambda: states(airflow, FOREIGN_DAG) == ["success"] * 2, SOON, "the run of the foreign DAG")


def pictures(story: Story, airflow: RunningAirflow) -> None:
    """Our pages in the stranger's Airflow."""
    views: dict[str, Callable[[Browsing], object]] = {
        "live": lambda seen: seen.page.goto(PLUGIN),
        "over-time": lambda seen: seen.enter("Over time"),
        "candidates": lambda seen: seen.enter("Candidates and releases"),
    }
    with signed_in(airflow.url, airflow.user, airflow.password, height=1200) as seen:
        for name, show in views.items():
            show(seen)
            seen.frame().get_by_role("heading").first.wait_for()
            picture(story, seen, name)


def picture(story: Story, seen: Browsing, name: str) -> None:
    """A screenshot to look at."""
    file = story.pictures / f"{name}.png"
    seen.page.screenshot(path=file, animations="disabled")
    story.say(f"picture: {file}")


if __name__ == "__main__":
    os.umask(0o022)  # PostgreSQL's account enters the home
    sys.exit(main())
