"""Texts of other people on pages: how long they may be."""

LONGEST = 200
"""Characters of an id or a text that are accepted, and of a title that are shown."""


def shown(text: str | None) -> str | None:
    """A title or name as a page shows it: a very long one is cut; None where there is none."""
    if not text or not text.strip():
        return None
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
