"""What an alert says: enough to act on, nothing that must not leave the house."""

from datetime import date

import pytest
from report_material import entry
from settings import config

from recsys_tasks.alerting.alerts import (
    LINE_LENGTH,
    SUBJECT_LENGTH,
    of_damage,
    of_drift,
    of_failure,
    of_staleness,
    of_verdict,
    scrubbed,
)
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.partitions.data_quality import STOP, DataCheck
from recsys_tasks.partitions.quarantine import QuarantinedDay
from recsys_tasks.release.commands import Run

VERDICT = {
    "day": "2026-01-16",
    "outcome": "HOLD",
    "candidate": "c0ffee" * 10,
    "reasons": ("against the live release -1.90% <b>",),
    "exact": False,
    "figures": {
        "users": 3257,
        "precision": 0.0321,
        "precision_error": 0.0006,
        "popularity": 0.0101,
        "pair": {"difference": -0.0006, "standard_error": 0.0003, "incumbent": 0.03, "users": 3200},
        "honest": {"precision": 0.03, "error": 0.0008, "users": 3257, "release": 40},
        "low": -0.0012,
        "high": 0.0001,
    },
}
LIVE = "Release 41 (data of 2026-01-15, 30 hours old) is live."
LINKS = ("http://airflow/dags/d/runs/r%2B1", "http://airflow/recsys/report/2026-01-16/c0-ff")
FAILED = {"dag": "daily_recommendations", "run": "manual__1", "task": "train_als", "cleared": 0}


class TestVerdict:
    def test_it_says_what_happened_what_decided_what_is_live_and_what_to_do(self):
        """Date, verdict, the figures and the setting that decided, what is live, both links, and what to do next."""
        alert = of_verdict(VERDICT, LIVE, *LINKS)
        assert alert.subject == "HOLD of 2026-01-16: -2.0% against release 40, not surely good enough"
        assert alert.lines == (
            "The gate held back the candidate of 2026-01-16: what was live stays live.",
            "Date 2026-01-16, verdict HOLD: against release 40 -1.90% <b>.",
            "precision@k 0.0321 ± 0.0006, of the popular tracks 0.0101 (3,257 listeners).",
            "Against release 40, the incumbent when it was judged: -2.00%, 95% interval -4.00% to +0.33%.",
            "On the same listeners it is worse than the release before, or not surely good enough beside it. "
            "What decides it: [gate] margin, pass_z and hold_z for PASS, block_z and block_loss for BLOCK (see recsys "
            "gate plan).",
            "Release 41 (data of 2026-01-15, 30 hours old) is live.",
            "Run: http://airflow/dags/d/runs/r%2B1",
            "Report: http://airflow/recsys/report/2026-01-16/c0-ff",
            "What to do next:",
            "1. If the streams were wrong, mend the source, then clear the run from extract_streams on, downstream "
            "tasks with it; clearing a later task alone would use the same streams again: recsys run --date 2026-01-16 "
            "or airflow tasks clear daily_recommendations -t extract_streams -d -s 2026-01-16 -e 2026-01-16",
            "2. If the setting is wrong, change it, then have the day judged by it: "
            "recsys gate --date 2026-01-16 --judge-again --by YOU --why REASON",
            "3. If the reasons are understood and harmless, publish it all the same: "
            "recsys release c0ffeec0ffee --by YOU --why REASON",
        )

    def test_an_exact_failure_offers_no_override(self):
        """What nobody can override is not offered."""
        alert = of_verdict(VERDICT | {"exact": True, "outcome": "BLOCK"}, LIVE, *LINKS)
        assert "The gate blocked the candidate" in alert.text
        assert "nobody can override" in alert.text
        assert "--by" not in alert.text

    @pytest.mark.parametrize(
        "figures",
        [{"users": 0}, {"users": 3, "precision": None, "popularity": None}, VERDICT["figures"] | {"low": None}],
    )
    def test_a_verdict_without_figures_is_told_all_the_same(self, figures):
        """Nobody could be scored, or too few to say how sure it is: the alert does not fail on it."""
        if "pair" in figures:
            figures = figures | {"pair": figures["pair"] | {"standard_error": None}}
        assert "interval" not in of_verdict(VERDICT | {"figures": figures}, LIVE, *LINKS).text

    def test_the_commands_know_what_is_live(self):
        """Older data need --older, and nothing is published while a pin holds: what would be refused is not advised."""
        newer = entry(number=3, release=3, day=date(2026, 1, 20))
        assert "--why REASON --older" in of_verdict(VERDICT, LIVE, *LINKS, newer).text
        assert "--older" not in of_verdict(VERDICT, LIVE, *LINKS, entry()).text
        pinned = of_verdict(VERDICT, LIVE, *LINKS, entry(pinned=True)).text
        assert pinned.index("recsys unpin --by YOU --why REASON") < pinned.index("recsys release c0ffeec0ffee")

    def test_the_same_verdict_has_the_same_key(self):
        """A repetition can be told by its key, whatever is live meanwhile; another verdict has another."""
        keys = {of_verdict(VERDICT, live, *links).key for live, links in ((LIVE, LINKS), ("Nothing.", ("a", "b")))}
        others = [VERDICT | change for change in ({"outcome": "BLOCK"}, {"day": "2026-01-17"}, {"candidate": "beef"})]
        keys |= {of_verdict(other, LIVE, *LINKS).key for other in others}
        assert len(keys) == 4


class TestOthers:
    def test_a_failure_names_task_run_reason_and_log(self):
        """The first three lines of the reason are told, the rest stands in the log."""
        alert = of_failure(FAILED, "ConfigError: one\n\ntwo\nthree\nfour", LINKS[0])
        assert alert.subject == "train_als failed in manual__1"
        for part in (
            "train_als",
            "manual__1",
            "ConfigError: one",
            "three",
            f"Log: {LINKS[0]}",
            "Clear the failed task, downstream tasks with it (what is sound is not made again): airflow dags clear ",
        ):
            assert part in alert.text
        assert "four" not in alert.text

    def test_streams_that_were_refused_are_not_mended_by_clearing_the_failed_task(self):
        """Date and check stand in the subject; mend from the extraction on, or accept, by commands that work."""
        checks = (
            DataCheck("volume", STOP, "90 streams, 0.01 times the median of 7 days before (8,000)", "0.5 to 2 times"),
            DataCheck("tracks", STOP, "9", "more"),
        )
        refusal = QuarantinedDay(date(2026, 1, 12), checks).refusal()
        alert = of_failure(FAILED | {"task": "check_data"}, f"DataRefused: {refusal}", LINKS[0], "2026-01-13")
        assert alert.subject.startswith("2026-01-12 quarantined: volume: 90 streams, 0.01 times the median")
        assert len(alert.subject) <= SUBJECT_LENGTH
        assert "recsys run --date 2026-01-13 --accept-data WHY" in alert.text
        assert "airflow dags clear daily_recommendations --run-id manual__1" in alert.text
        assert "Clear the failed task" not in alert.text

    def test_the_command_that_clears_names_the_run_that_failed(self):
        """By its logical date, whatever day it is about; by its id, where it has none: never another day's run."""
        dated = FAILED | {"logical_date": "2026-11-28T09:30:00+00:00"}
        text = of_failure(dated, "KeyError; its text stands in the log.", "", "2026-01-13").text
        when = "2026-11-28T09:30:00+00:00"
        assert f"airflow tasks clear daily_recommendations -t train_als -d -s {when} -e {when}" in text
        judged_by = Run("daily_recommendations", "by hand")
        text = of_verdict(VERDICT, LIVE, *LINKS, judged_by=judged_by).text
        assert "or airflow dags clear daily_recommendations --run-id 'by hand'" in text

    @pytest.mark.parametrize("error", ["BadData", "EmptyDay", "CorruptArtefact"])
    def test_what_lies_in_the_partition_is_made_anew_from_the_extraction_on(self, error):
        """A task that is cleared alone would find the same partition again."""
        text = of_failure(FAILED, f"{error}: something", "").text
        assert "from extract_streams on" in text
        assert "Clear the failed task" not in text

    def test_a_failure_after_a_clear_is_a_new_one(self):
        """The same failure is told once; the next attempt's, of another task, run or DAG, is another."""
        changes = ({}, {}, {"cleared": 1}, {"task": "gate"}, {"run": "manual__2"}, {"dag": "release_freshness"})
        assert len({of_failure(FAILED | change, "any", "").key for change in changes}) == len(changes) - 1

    def test_a_decline_is_told_once_for_as_long_as_it_lasts(self):
        """The key is the alarm's, not the day's."""
        alarm = {"key": "cusum-2026-01-02", "text": "precision declines slowly since 2026-01-02"}
        days = [of_drift(alarm, day, LIVE, *LINKS) for day in ("2026-01-16", "2026-01-17")]
        assert len({alert.key for alert in days}) == 1
        assert "precision declines slowly since 2026-01-02." in days[0].text

    def test_an_alarm_and_its_end_are_two_alerts(self):
        """Stale, fresh again, stale again, damaged, sound again: each is an event of its own."""
        alerts = [of_staleness(n, stale, LIVE, 36, "http://runs") for n in (0, 1) for stale in (True, False)]
        alerts += [of_damage(0, damage, LIVE, "http://runs") for damage in ("CorruptArtefact: /x/y", "")]
        assert len({alert.key for alert in alerts}) == len(alerts)
        assert "The bound is 36 hours" in alerts[0].text
        assert "/x/y" in alerts[4].text


class TestNothingElse:
    @pytest.mark.parametrize(
        "text",
        [
            "cannot reach postgresql://reader:canary@db/music",
            "postgres://reader:p/w@canary@db:5432/music is wrong",
            "https://canary:x@hooks.example.test/in",
            "host=db user=reader password=canary dbname=music",
            "password='ca \\' canary' host=db",
            '{"password": "canary two", "host": "db"}',
            "PGPASSWORD=canary psql",
            "Authorization: Bearer canary",
            "webhook_token: canary",
            "api_key=canary&x=1",
        ],
    )
    def test_what_looks_like_a_secret_is_left_out(self, text):
        """An exception may repeat an address with its password; an alert does not."""
        assert "canary" not in scrubbed(text)
        for alert in (
            of_failure(FAILED | {"run": text}, f"OperationalError: {text}", text),
            of_verdict(VERDICT | {"reasons": (text,)}, text, text, text),
            of_verdict(VERDICT, LIVE, *LINKS, judged_by=Run("daily_recommendations", text)),
            of_drift({"key": "k", "text": text}, "2026-01-16", text, text, text),
            of_damage(0, text, text, text),
        ):
            assert "canary" not in alert.subject + alert.text + alert.html + alert.slack

    def test_what_looks_like_none_stays(self):
        """A reason remains readable: addresses without a user, authentication that failed, figures."""
        text = "see http://airflow/runs/1?try_number=2: password authentication failed for user reader at db:5432"
        assert scrubbed(text) == text

    def test_markup_of_others_is_text(self):
        """Whatever a reason holds, it neither formats a mail nor calls everybody in a Slack channel."""
        alert = of_verdict(VERDICT | {"reasons": ("<b>&</b> <!channel>",)}, LIVE, *LINKS)
        assert "&lt;b&gt;&amp;&lt;/b&gt; &lt;!channel&gt;" in alert.html
        assert "&lt;!channel&gt;" in alert.slack
        assert '<a href="http://airflow/recsys/report/2026-01-16/c0-ff">' in alert.html
        assert '"onclick' not in of_failure(FAILED, "x", 'http://airflow/"onclick=y').html

    def test_every_line_is_one_line_of_bounded_length(self):
        """A header cannot be smuggled in by a line break, and no reason floods a channel."""
        alert = of_failure(FAILED | {"run": "a\r\nBcc: b\n" + "x" * 500}, "y" * 5000, "")
        assert "\n" not in alert.subject
        assert "\r" not in alert.subject
        assert len(alert.subject) == SUBJECT_LENGTH
        assert max(map(len, alert.lines)) == LINE_LENGTH


class TestConfiguration:
    @pytest.mark.parametrize("name", ["", "../x", "a/b", ".", "a b"])
    def test_a_connection_is_named_like_a_file(self, name):
        """What was delivered is marked under its name; a name that leads elsewhere is refused."""
        with pytest.raises(ConfigError, match=r"alert\.connections"):
            config(alert={"connections": [name]})
