"""What the demo prints at its end: each answer comes from the program's own command line."""

import sys

import psycopg2

from recsys_tasks.demo.airflow_environment import VIEWER
from recsys_tasks.demo.guarded import Program, run_to_end
from recsys_tasks.demo.supervisor import SOURCE_VARIABLE, RunningAirflow, Say

TRUTH = "world.json"
A_LISTENER = "SELECT user_id FROM streams GROUP BY user_id ORDER BY abs(count(*) - 300), user_id LIMIT 1"
THEIR_TRACK = f"""SELECT track_id FROM streams WHERE user_id = ({A_LISTENER})
GROUP BY track_id ORDER BY count(*) DESC, track_id LIMIT 1"""  # noqa: S608 - constant text
ANSWER_SECONDS = 60.0


def show_days(airflow: RunningAirflow, say: Say) -> None:
    """What is live, and the table of days with the oracle's ceiling."""
    say("\n" + ask(airflow, "status").splitlines()[0] + "\n")
    say(ask(airflow, "world", "ceiling", "--truth", str(airflow.home / TRUTH)))


def show_realism(airflow: RunningAirflow, say: Say) -> None:
    """How much the world's streams look like listening."""
    say("\n" + ask(airflow, "world", "realism"))


def show_recommendations(airflow: RunningAirflow, say: Say) -> None:
    """Ten recommendations for an ordinary listener, one with about 300 streams."""
    say(ask(airflow, "recommend", one_id(airflow, A_LISTENER)))


def show_similar(airflow: RunningAirflow, say: Say) -> None:
    """Ten tracks similar to the one that this listener played most."""
    say(ask(airflow, "similar", one_id(airflow, THEIR_TRACK)))


def show_address(airflow: RunningAirflow, say: Say) -> None:
    """Where the UI is, and who may enter."""
    say(f"UI: {airflow.url}   user {airflow.user}, password {airflow.password}")
    say(f"    read only: user {VIEWER}, password {airflow.passwords[VIEWER]}")


def ask(airflow: RunningAirflow, *words: str) -> str:
    """What the command line answers to ``recsys <words>`` in the demo's environment.

    Raises:
        ComponentFailed: it ended with another code than 0; the message has what it said.
    """
    answers = airflow.home / "answers"
    name = "-".join(word for word in words[:2] if word.isalpha())
    program = Program(name, [sys.executable, "-m", "recsys_tasks", *words])
    run_to_end(program, airflow.environment, answers, ANSWER_SECONDS)
    return (answers / f"{name}.log").read_text()


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
