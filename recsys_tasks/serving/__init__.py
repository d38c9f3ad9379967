"""Answers from a release, for people and programs.

A listener or a track comes in; a list goes out, from one whole release. May import ``release`` and the rooms before it.
"""
