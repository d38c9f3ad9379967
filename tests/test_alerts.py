"""What an alert says: enough to act on, nothing that must not leave the house."""

from recsys_tasks.alerts import Alert

VERDICT = {
    "day": "2026-01-16",
    "outcome": "HOLD",
    "candidate": "c0ffee" * 10,
    "reasons": ("against the live release -1.90% <b>",),
    "exact": False,
    "figures": {"precision": 0.0321, "popularity": 0.0101},
}
LIVE = {"release": 41, "day": "2026-01-15", "age_hours": 30.2}


class TestVerdict:
    def test_it_says_what_happened_what_is_live_and_what_to_do(self):
        """Outcome and date on top; below them reasons, figures, what is live and how old, the run, the next step."""
        alert = Alert.of_verdict(VERDICT, LIVE, "http://airflow/run")
        assert alert.subject == "HOLD: the recommendations of 2026-01-16 were not published"
        for part in ("-1.90%", "0.0321", "0.0101", "Release 41", "30 hours", "http://airflow/run", "release c0ffee"):
            assert part in alert.text

    def test_an_exact_failure_offers_no_override(self):
        """What nobody can override is not offered."""
        alert = Alert.of_verdict(VERDICT | {"exact": True, "outcome": "BLOCK"}, None, "")
        assert "cannot be overridden" in alert.text
        assert "--by" not in alert.text
        assert "Nothing has been published yet" in alert.text

    def test_the_same_verdict_has_the_same_key(self):
        """A repetition can be told by its key, whatever is live meanwhile; another verdict has another."""
        keys = {Alert.of_verdict(VERDICT, live, link).key for live, link in ((LIVE, "a"), (None, "b"))}
        assert len(keys) == 1
        assert Alert.of_verdict(VERDICT | {"outcome": "BLOCK"}, LIVE, "a").key not in keys

    def test_html_is_escaped(self):
        """Whatever a reason holds, it is text."""
        assert "&lt;b&gt;" in Alert.of_verdict(VERDICT, LIVE, "").html
        assert "<b>" not in Alert.of_verdict(VERDICT, LIVE, "").html
