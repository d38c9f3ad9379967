"""The end of the demo: what is live is delivered, and read as applications read it, by SQL and by HTTP."""

import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg2

from recsys_tasks.core.errors import RecsysError
from recsys_tasks.demo.guarded import Component, Program, run_to_end, running
from recsys_tasks.demo.ports import LOOPBACK, held_ports
from recsys_tasks.demo.show import A_LISTENER, THEIR_TRACK, ask, one_id
from recsys_tasks.demo.supervisor import SINK_VARIABLE, RunningAirflow, Say
from recsys_tasks.reporting.terminal_tables import as_table

DAG_ID = "deliver_recommendations"
DELIVERED_SECONDS, READY_SECONDS = 300.0, 60.0
DISCOVER = """SELECT d.rank, t.title, t.artist, round(d.score::numeric, 3) AS score, b.title AS because_you_played
FROM discover d JOIN tracks t USING (track_id) LEFT JOIN tracks b ON b.track_id = d.reason
WHERE d.user_id = {listener} ORDER BY d.rank LIMIT 10"""
RELATED = """SELECT r.rank, coalesce(a.name, r.related_id::text) AS related_artist, round(r.score::numeric, 3) AS score
FROM related_artists r LEFT JOIN artists a ON a.artist_id::text = r.related_id::text
WHERE r.artist_id::text IN (SELECT unnest(ARRAY[artist, artist_id::text]) FROM tracks WHERE track_id = {track})
ORDER BY r.rank LIMIT 5"""


def deliver(airflow: RunningAirflow, say: Say) -> None:
    """Let the DAG deliver what is live, and show what applications then read."""
    if SINK_VARIABLE not in airflow.environment:
        say("\nNothing is delivered: the source is not the demo's own, and its tables stay as they are.")
        return
    airflow.wait_until(lambda: airflow.api.dag_is_known(DAG_ID), DELIVERED_SECONDS, f"the DAG {DAG_ID}")
    airflow.api.unpause(DAG_ID)
    airflow.api.post(f"/dags/{DAG_ID}/dagRuns", {"logical_date": None})
    say(f"\n{DAG_ID}: from the live release into Postgres")
    airflow.wait_until(lambda: _has_ended(airflow), DELIVERED_SECONDS, "the end of the delivery", pause_s=1.5)
    say(ask(airflow, "deliveries"))
    listener, track = one_id(airflow, A_LISTENER), one_id(airflow, THEIR_TRACK)
    show_query(airflow, DISCOVER.format(listener=listener), say)
    show_query(airflow, RELATED.format(track=track), say)
    say(f"$ recsys radio --track {track} -k 8")
    say(ask(airflow, "radio", "--track", track, "-k", "8", "--day", "2026-02-09"))
    show_service(airflow, listener, say)


def show_query(airflow: RunningAirflow, query: str, say: Say) -> None:
    """A query of the sink, and its rows."""
    connection = psycopg2.connect(airflow.environment[SINK_VARIABLE])
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        connection.close()
    say(f"sink=# {query};\n{as_table(rows, {name: name for name in names})}\n")


def show_service(airflow: RunningAirflow, listener: str, say: Say) -> None:
    """The same list over HTTP, from a service that runs as long as it takes to ask it."""
    curl = shutil.which("curl")
    if curl is None:
        say("Without curl, the HTTP service is not asked: recsys serve.")
        return
    with held_ports(0) as ports:
        port = ports.api
    program = Program("reader", [sys.executable, "-m", "recsys_tasks", "serve", "--port", str(port)])
    with running([program], airflow.environment, airflow.home / "logs") as (reader,):
        base = f"http://{LOOPBACK}:{port}"
        _wait_ready(airflow, reader, [curl, "-sf", f"{base}/readyz"])
        address = f"{base}/v1/listeners/{listener}/discover?k=2"
        say(f"$ recsys serve --port {port} &\n$ curl {address}\n{_said(airflow, [curl, '-s', address])}")


def _has_ended(airflow: RunningAirflow) -> bool:
    """Whether the delivery is over.

    Raises:
        RecsysError: it failed.
    """
    runs = airflow.api.runs(DAG_ID)
    if any(run["state"] == "failed" for run in runs):
        raise RecsysError(f"{DAG_ID} failed; its log is in {airflow.home}/airflow/logs")
    return bool(runs) and all(run["state"] == "success" for run in runs)


def _wait_ready(airflow: RunningAirflow, reader: Component, command: Sequence[str]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            _said(airflow, command)
            return
        except RecsysError:
            reader.check_alive()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _said(airflow: RunningAirflow, command: Sequence[str]) -> str:
    """What a program says."""
    name = f"curl-{datetime.now(UTC):%H%M%S%f}"
    run_to_end(Program(name, command), airflow.environment, airflow.home / "answers", READY_SECONDS)
    return (airflow.home / "answers" / f"{name}.log").read_text()
