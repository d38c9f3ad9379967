"""One UTC date: its streams counted, looked at, and kept as a partition whose every dropped row has a reason.

A table of streams comes in; play counts, checks of the data and stored versions go out. May import ``core`` and
``storage``; it never asks the source itself.
"""
