"""People named in texts: found, and taken out.

A long id that stands as a word of its own is a mention. A short one, and every whole number, means a person only right
after a word such as listener or account: 5 is many things.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MARK = "[erased]"
SHORTER = 8
"""Characters: a shorter id may be an ordinary word, too."""
BEFORE = {"user", "user_id", "listener", "account", "person", "bot", "id"}
BETWEEN = frozenset(" :#='\"")
"""What may stand between such a word and the id. No comma: `of 500 listeners, 43 are new` names nobody."""
_TOKEN = re.compile(r"[\w-]+")


@dataclass
class _Before:
    """The token before, and where it ended."""

    word: str = ""
    end: int = 0


class Mentions:
    """A search for people in texts, by their ids."""

    def __init__(self, ids: Iterable[object]) -> None:
        texts = {str(each) for each in ids}
        self._odd = sorted(each for each in texts if not _TOKEN.fullmatch(each) and len(each) >= SHORTER)
        self._words = texts.difference(self._odd)
        self._alone = {each for each in self._words if len(each) >= SHORTER and not each.lstrip("-").isdigit()}

    def without(self, text: str) -> str:
        """The text with a mark in place of every mention."""
        before = _Before()

        def replaced(found: re.Match[str]) -> str:
            token, last = found[0], _Before(before.word, before.end)
            before.word, before.end = token.lower(), found.end()
            near = last.word in BEFORE and BETWEEN.issuperset(text[last.end : found.start()])
            return MARK if token in self._words and (near or token in self._alone) else token

        text = _TOKEN.sub(replaced, text)
        for each in self._odd:
            text = text.replace(each, MARK)
        return text

    def without_in(self, value: Any) -> Any:
        """A JSON value with every mention in its texts replaced."""
        if isinstance(value, str):
            return self.without(value)
        if isinstance(value, dict):
            return {name: self.without_in(each) for name, each in value.items()}
        return [self.without_in(each) for each in value] if isinstance(value, list) else value
