"""Small logs that a test writes, and the layout of their columns."""

from pathlib import Path

from recsys_tasks.demo.columns import Layout

PLAIN = Layout(user="who", track="what", time="when")


def write(path: Path, text: str) -> Path:
    """A small file."""
    path.write_bytes(text.encode())
    return path
