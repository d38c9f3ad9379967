"""What pages, report, mail and terminal write: no signed zero, and one form of per cent, thousands and dates."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pages_store import shown
from report_material import HELD, page_of

from recsys_tasks.alerting.alerts import of_verdict
from recsys_tasks.core.policy import FreshnessConfig, GateConfig
from recsys_tasks.pages.candidates import Wanted, candidates
from recsys_tasks.pages.history import history
from recsys_tasks.pages.live import live
from recsys_tasks.reporting.overview import overview, status_text

NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)
ODD = {
    "a signed zero": r"[-+−]0(\.0+)?(?![.,\d])",
    "a per cent sign apart from its number": r"\d %",
    "thousands together": r"(?<![\w.#/%=-])\d{5,}(?![\w.%-])",
    "a date of another form": r"\d{1,2} (Jan|Feb|Nov) \d{4}|\d{1,2}/\d{1,2}/\d{4}",
}
TINY = {"users": 3200, "difference": -1e-9, "standard_error": 1e-10, "incumbent": 0.03}


def odd(text):
    """What is written in an odd form, by its name."""
    return {name: found for name, form in ODD.items() if (found := re.findall(form, text))}


def readable(page):
    """What a person reads of a page: no elements, scripts or styles."""
    return re.sub(r"<[^>]*>", " ", re.sub(r"<(script|style|svg).*?</\1>", " ", page, flags=re.S))


class TestForms:
    def test_a_report_of_no_difference_has_no_signed_zero(self):
        """Differences and intervals that round to nothing are written without a sign."""
        slices = [
            {"slice": "new tracks", "users": 1068, "candidate": 0.02, "incumbent": 0.02, "difference": -1e-9}
            | {"low": -2e-9, "high": -1e-10, "p": 0.5, "warned": False}
        ]
        figures = HELD.figures | {"pair": TINY, "reference": TINY | {"release": 1}, "slices": slices}
        assert odd(page_of(verdict=replace(HELD, figures=figures)).text) == {}

    def test_a_mail_of_no_difference_has_none_either(self):
        """Nor does the alert of the same verdict."""
        figures = HELD.figures | {"pair": TINY, "low": -1e-9, "high": -1e-10}
        verdict = {"outcome": "HOLD", "day": "2026-01-16", "candidate": "c" * 64, "reasons": ["x"], "exact": False}
        assert odd(of_verdict(verdict | {"figures": figures}, "", "http://a/r", "http://a/p").text) == {}

    @pytest.mark.parametrize("page", ["live", "history", "candidates"])
    def test_a_page_has_one_form_of_each(self, finished, page):
        """Every page of a finished store."""
        made = {
            "live": lambda: live(finished.store, FreshnessConfig(), NOW),
            "history": lambda: history(finished.store, GateConfig(), "all"),
            "candidates": lambda: candidates(finished.store, Wanted("", None, None, 1, 1)),
        }
        assert odd(readable(shown(page, **made[page]()))) == {}

    def test_so_has_the_terminal(self, finished):
        """What ``status`` prints."""
        assert odd(status_text(overview(finished.store, NOW))) == {}

    @pytest.mark.parametrize("text", ["-0.0000", "+0.00%", "−0%", "about 2 % of", "1234567 plays", "2 Jan 2026"])
    def test_an_odd_form_is_found(self, text):
        """The search sees each of them, and none in the forms that are used."""
        assert odd(f"it says {text}")
        assert not odd("−0.0012 to +0.31%, 2026-01-15 03:00, 1,234,567 plays, 12.5%, release 12, 0.0048 ± 0.0006")
