"""Numbers for people go through one formatter, so that no two pages write them differently."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "recsys_tasks"
ROOMS = ("gate", "reporting", "alerting", "pages", "cli")
EXEMPT = {
    ROOT / "reporting" / "drawing.py",  # coordinates of pictures, which nobody reads
}
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path not in EXEMPT)
BY_HAND = re.compile(r"[,%]$|[,_]?\.\d+[fge%]$|^g$")
TEMPLATES = sorted(path for room in ("reporting", "pages") for path in (ROOT / room).rglob("*.jinja"))


def specs(source):
    """The format of each value that a source writes into a text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            yield ast.unparse(node.format_spec)[2:-1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_number_is_formatted_by_hand(path):
    """Digits, thousands and per cent signs are decided in ``core/formatting``, and nowhere else."""
    assert [spec for spec in specs(path.read_text()) if BY_HAND.search(spec)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_formats_a_number(path):
    """Nor do templates round, or call Python's formats."""
    assert not re.search(r"\|\s*(round|format)\b|\.format\(", path.read_text())


@pytest.mark.parametrize("spec", ["x:,", "x:.4f", "x:+.1%", "x:,.2f", "x:.0%", "x:.8g", "x:g"])
def test_a_format_by_hand_is_found(spec):
    """The search sees each of the ways that were in use."""
    assert [found for found in specs(f'f"{{{spec}}}"') if BY_HAND.search(found)]
