"""Alerts for whoever is woken up, and the outbox that owes them to a channel until that has them.

Verdicts, failures and the age of what is live come in; alerts go out. Sending them is Airflow's. May import ``core``
and ``storage``.
"""
