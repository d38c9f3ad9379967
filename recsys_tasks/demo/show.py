"""What the demo prints at its end: each answer comes from the program's own command line."""

import sys

import psycopg2

from recsys_tasks.demo.airflow_environment import VIEWER
from recsys_tasks.demo.guarded import Program, run_to_end
from recsys_tasks.demo.supervisor import SOURCE_VARIABLE, RunningAirflow, Say

HEAVIEST_LISTENER = "SELECT user_id FROM streams GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1"
MOST_PLAYED_TRACK = "SELECT track_id FROM streams GROUP BY track_id ORDER BY count(*) DESC, track_id LIMIT 1"
ANSWER_SECONDS = 60.0


def show_days(airflow: RunningAirflow, say: Say) -> None:
    """The table of days: verdicts and figures."""
    say("\n" + ask(airflow, "status"))


def show_recommendations(airflow: RunningAirflow, say: Say) -> None:
    """Ten recommendations for the listener with the most streams."""
    say(ask(airflow, "recommend", one_id(airflow, HEAVIEST_LISTENER)))


def show_similar(airflow: RunningAirflow, say: Say) -> None:
    """Ten tracks similar to the most played one."""
    say(ask(airflow, "similar", one_id(airflow, MOST_PLAYED_TRACK)))


def show_address(airflow: RunningAirflow, say: Say, *, keep: bool) -> None:
    """Where the UI is, or how to keep it."""
    if not keep:
        say("All servers stop now. scripts/demo --keep leaves the UI up until Ctrl-C.")
        return
    say(f"UI: {airflow.url}   user {airflow.user}, password {airflow.password}")
    say(f"Read only: user {VIEWER}, password {airflow.passwords[VIEWER]}")
    say("Ctrl-C stops everything.")


def ask(airflow: RunningAirflow, *words: str) -> str:
    """What the command line answers to ``python -m recsys_tasks <words>`` in the demo's environment.

    Raises:
        ComponentFailed: it ended with another code than 0; the message has what it said.
    """
    answers = airflow.home / "answers"
    program = Program(words[0], [sys.executable, "-m", "recsys_tasks", *words])
    run_to_end(program, airflow.environment, answers, ANSWER_SECONDS)
    return (answers / f"{words[0]}.log").read_text()


def one_id(airflow: RunningAirflow, query: str) -> str:
    """The one id that a query over the demo's own tables yields."""
    connection = psycopg2.connect(airflow.environment[SOURCE_VARIABLE])
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
    finally:
        connection.close()
    return str(row[0]) if row else "nobody"
