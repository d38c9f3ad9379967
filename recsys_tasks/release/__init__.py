"""What was judged and what is live: bundles, judgements, the append-only log, and the way back from a release.

A candidate that passed comes in; one entry of the log goes out, and readers open what it names. May import the rooms
before it.
"""
