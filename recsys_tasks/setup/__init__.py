"""The first hour on somebody's service: a configuration made from what the source shows, and a look at the ground.

An address, a configuration and a store come in; a proposed TOML, and checks with their mends, go out. Nothing is
stored, and nothing of a day is extracted: steps do that. May import ``source``, ``storage`` and ``core``.
"""
