"""The one door for text that a person types and that is kept: a reason, a name.

What passes it can be written as UTF-8, stays below every limit of what stores it, and is shown as what it says: in one
line, in the order in which it was typed, without characters that nobody sees.
"""

from unicodedata import category

from recsys_tasks.core.errors import ConfigError

LONGEST_REASON = 1_000
"""Characters. Whoever needs more has a page of their own to point at."""
LONGEST_NAME = 512
"""Characters: as many as Airflow keeps of the name of whoever triggers a run."""
WORDS = ("publish_older", "accept_data")
"""Parameters of a run that are a person's word: a reason, which stands in a log with that person's name."""
SEEN = "LNPS"
"""First letters of the categories of letters, numbers, punctuation and symbols: a reason holds something to read."""
REFUSED = {
    "Cc": "a control character, or more than one line",
    "Zl": "more than one line",
    "Zp": "more than one line",
    "Cf": "a character that nobody sees, or that turns the direction of what is read",
    "Cs": "bytes that are not UTF-8",
}
"""Category of a character -> what is wrong with it."""
JOINERS = "\u200c\u200d"
"""Unseen, and part of how Persian words and some emoji are written."""


def reason_of(text: str) -> str:
    """A reason as it is kept, without spaces around it.

    Raises:
        ConfigError: there is nothing to read in it, it is too long, or a character of it is refused.
    """
    return _passed("the reason", text, LONGEST_REASON)


def name_of(text: str) -> str:
    """The name of whoever acts, as it is kept.

    Raises:
        ConfigError: as for ``reason_of``.
    """
    return _passed("who you are", text, LONGEST_NAME)


def _passed(what: str, text: str, longest: int) -> str:
    text = text.strip()
    kinds = {category(character): character for character in text if character not in JOINERS}
    for kind, wrong in REFUSED.items():
        if kind in kinds:
            raise ConfigError(f"Say {what} in one line of plain text. It holds {wrong} (U+{ord(kinds[kind]):04X}).")
    if not any(kind[0] in SEEN for kind in kinds):
        raise ConfigError(f"Say {what}: it stands in the log for those who come after you.")
    if len(text) > longest:
        raise ConfigError(f"Say {what} in at most {longest:,} characters. It has {len(text):,}.")
    return text
