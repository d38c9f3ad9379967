"""Runs of a real scheduler: started by hand, waited for, killed; and what the text of a mail advises, done."""

import os
import re
import shlex
import signal
import subprocess
import sys
from email.message import Message
from pathlib import Path

from recsys_tasks.demo.airflow_environment import CLONE

LOCAL_SETTINGS = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).with_name("local_settings")), str(CLONE)])}
"""Variable by which every process of an Airflow finds the settings of tests."""
DAG_ID = "daily_recommendations"
SECONDS = 900.0
"""The longest that anything may take on a busy machine."""
COMMAND = re.compile(r"recsys (?:status|verify)\b|(?:recsys|airflow) [a-z-]+ .*?(?= or (?:recsys|airflow) |$)", re.M)
PROGRAMS = {"recsys": "recsys_tasks", "airflow": "airflow"}
ENDED = {"success", "failed"}


class Runs:
    """Starts runs by hand, and waits for what becomes of them."""

    def __init__(self, airflow, dag_id=DAG_ID):
        self.airflow, self.api, self.dag_id = airflow, airflow.api, dag_id

    def start(self, name, day, logical_date=None):
        """A run of this name for a day."""
        self.api.post(
            f"/dags/{self.dag_id}/dagRuns", {"dag_run_id": name, "logical_date": logical_date, "conf": {"day": day}}
        )

    def end(self, name, dag_id=""):
        """State of the run once it has ended, and of each of its tasks; of another DAG where one is named."""
        dag_id = dag_id or self.dag_id
        path = f"/dags/{dag_id}/dagRuns/{name}"

        def ended():
            return self.api.get(path)["state"] in ENDED

        self.airflow.wait_until(ended, SECONDS, f"{name}'s end")
        states = {task["task_id"]: task["state"] for task in self.api.task_instances(dag_id, name)}
        return self.api.get(path)["state"], states

    def kill(self, name, task):
        """Kill the process of a task as soon as it runs, as the kernel does where memory is short."""
        path = f"/dags/{self.dag_id}/dagRuns/{name}/taskInstances/{task}"

        def running():
            found = self.api.get(path)
            return found["state"] == "running" and found["pid"]

        self.airflow.wait_until(running, SECONDS, f"{task} of {name}", pause_s=0.2)
        os.kill(self.api.get(path)["pid"], signal.SIGKILL)

    def clear(self, name, task):
        """Have a task and what hangs on it run again."""
        body = {"dag_run_id": name, "task_ids": [task], "include_downstream": True, "dry_run": False}
        self.api.post(f"/dags/{self.dag_id}/clearTaskInstances", body | {"only_failed": False})

    def follow(self, command):
        """Type a command of an alert, with what a person fills in; what it answered.

        Its exit code must say that it did what it was asked to.
        """
        for word, said in (("YOU", "olga"), ("REASON", "tried"), ("WHY", "tried")):
            command = command.replace(word, said)
        program, *words = shlex.split(command)
        done = subprocess.run(
            [sys.executable, "-m", PROGRAMS[program], *words],
            env=self.airflow.environment,
            input="y\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout


def text_of(mail: Message) -> str:
    """The plain-text part of a mail."""
    (text, _) = mail.get_payload()
    return text.get_payload(decode=True).decode().replace("\r\n", "\n")


def advised(mail: Message, *words: str) -> str:
    """The one command in the text of a mail that has these words; two steps may name the same."""
    (command,) = {found for found in COMMAND.findall(text_of(mail)) if all(word in found for word in words)}
    return command
