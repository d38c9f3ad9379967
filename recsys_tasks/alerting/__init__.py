"""What happened, in words for whoever is woken up, and the outbox that owes it to a channel until that has it.

Verdicts, failures and the age of what is live come in; alerts go out. Sending them is Airflow's. May import ``core`` and
``storage``.
"""
