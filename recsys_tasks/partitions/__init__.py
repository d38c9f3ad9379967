"""One business day: its streams counted, looked at, and kept as a partition whose every dropped row has a reason.

A table of streams and the source's tally of them come in; play counts, checks of the data and stored versions go out.
May import ``core``, ``storage`` and the types of ``source``; it never asks the source itself.
"""
