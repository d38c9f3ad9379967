"""The service's own Postgres: what is asked, how it travels, and whether its tables are what the configuration says.

A date comes in; that date's qualified streams, their tally, and the catalogue go out as Arrow tables. Nothing is ever
written there. May import ``core``.
"""
