"""A stranger adopts the program: the commands of README, run on a service and in an Airflow that are not ours.

``scripts/adopt`` runs it. What is the stranger's is in ``cluster``, ``service.sql`` and ``surroundings``; ``manual``
takes the commands out of README; the story stands in ``__main__``.
"""
