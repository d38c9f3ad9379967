"""The service's own Postgres: what is asked, how it travels, and whether its tables are what the configuration says.

A date comes in; that date's qualified streams, their tally, and the whole catalogue go out. Nothing is ever written
there, and nothing is counted or scheduled here: steps do that. May import ``core``.
"""
