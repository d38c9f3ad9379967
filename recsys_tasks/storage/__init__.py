"""Where bytes are kept: complete artefacts, small objects, and the promises that a crash does not break.

Arrays, tables and JSON come in under a name; verified local files go out. ``ArtefactStore`` is the one door, and each
later room has a repository of its own over it. May import ``core``.
"""
