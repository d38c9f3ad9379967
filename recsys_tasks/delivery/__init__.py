"""Where products go beside the store: tables in a Postgres of the service, swapped in one transaction.

Comes in: the files of a stored delivery, and the address of the sink. Goes out: the tables that applications read. May
import ``source`` for how a Postgres is addressed and its refusals are named; knows no release and no step.
"""
