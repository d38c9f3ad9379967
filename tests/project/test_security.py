"""docs/security.md: each promise names a test, and the test is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)+)`")
ROW = re.compile(r"^\| (?!promise|who |---).*\|$", re.MULTILINE)


def named_in(path: Path) -> Iterator[str]:
    """The tests of a file, as pytest names them below it."""
    for node in ast.parse(path.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"::{node.name}" if isinstance(node, ast.ClassDef) else ""
        yield from (
            f"{prefix}::{each.name}"
            for each in inner
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_")
        )


def test_every_test_that_is_named_exists() -> None:
    """A test that was renamed or removed takes its promise along, or is named anew."""
    named = NAMED.findall(DOCUMENT.read_text())
    assert len(named) > 30
    missing = [f"{file}{test}" for file, test in named
               if not (ROOT / file).is_file() or test not in set(named_in(ROOT / file))]  # fmt: skip
    assert missing == []


def test_every_promise_names_a_test() -> None:
    """Below the table of persons no row is without its test, and each kind of thing not defended is said."""
    text = DOCUMENT.read_text()
    promises = ROW.findall(text.partition("## The source")[2])
    assert [row for row in promises if not NAMED.search(row)] == []
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[2:]
    assert [section.splitlines()[0] for section in sections if "**Not defended.**" not in section] == []
