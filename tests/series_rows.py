"""Rows of a series of judged dates, as plots and tables take them."""

from datetime import date, timedelta

import numpy as np


def rows(n, **changes):
    """Days of a series, the first without anything to compare with, with changes to the last."""
    noise = np.random.default_rng(1).normal(0, 0.001, (n, 3))
    found = []
    for i, (a, b, c) in enumerate(noise):
        pair = {"users": 3200, "difference": 0.001 + a, "standard_error": 0.0004, "incumbent": 0.03}
        honest = {"precision": 0.031 + b, "error": 0.0008, "users": 3200, "release": i}
        found.append(
            {
                "day": (date(2026, 1, 13) + timedelta(days=i)).isoformat(),
                "outcome": "PASS",
                "precision": 0.032 + c,
                "precision_error": 0.0008,
                "popularity": 0.0105,
                "honest": honest if i else None,
                "pair": pair if i else None,
                "user_recall": 0.98,
                "similar_recall": 0.97,
                "signed_by": None,
                "earlier": [],
            }
        )
    return [*found[:-1], found[-1] | changes]
