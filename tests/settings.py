"""The configuration in which the small world's days pass the gate, as text and as values."""

from datetime import date

TOML = """
[source]
history_start = 2026-01-05
[catalogue]
table = "tracks"
[als]
weight = "log"
a = 1.0
regularization = 10.0
[gate]
min_users = 100
margin = 0.5
"""
VALUES = {
    "source": {"history_start": date(2026, 1, 5)},
    "catalogue": {"table": "tracks"},
    "als": {"weight": "log", "a": 1.0, "regularization": 10.0},
    "gate": {"min_users": 100, "margin": 0.5},
}
