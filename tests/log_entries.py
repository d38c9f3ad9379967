"""Entries of a release log, and logs of them."""

from datetime import date

from recsys_tasks.release.log import PUBLISH, Entry, ReleaseLog

SIGNED = {"by": "olga", "why": "bad covers", "at": "2026-01-05T00:00:00+00:00"}


def entry(number, day, candidate=None, **more):
    """A published entry."""
    values = {"kind": PUBLISH, "release": number, "parts": {"gated": "0"}, "pinned": False} | SIGNED | more
    return Entry(number=number, candidate=candidate or f"candidate {number}", day=date(2026, 1, day), **values)


def log(*entries):
    """A log of entries."""
    return ReleaseLog(tuple(entries))
