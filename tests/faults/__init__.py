"""The fault suite: each scenario breaks something many times, and after each time the same invariants are asked for.

``scripts/faults`` runs all of it at full length and prints a table; ``test_faults.py`` runs a short part of each.

    ground.py       a small world in a real Postgres, a store prepared up to each step, the bytes that a day must give
    working.py      a day in a forked process that tells of its steps, so that it can be killed, stopped or traced
    invariants.py   what must hold of a store at any moment, and of a finished one
    outcome.py      what a scenario found, and the table
    kills.py, crash_points.py, power.py, full_disk.py, rot.py, publishers.py, source.py, readers.py, environments.py,
    airflow.py, buckets.py  the scenarios
"""
