"""The page of what is live: its sentence, its figures, and what it says when something is missing, old or damaged."""

from datetime import UTC, datetime

import pytest
from pages_store import log_file
from settings import SIGNED, config, damage, run

from recsys_tasks.core.errors import CorruptArtefact
from recsys_tasks.core.policy import FreshnessConfig
from recsys_tasks.pages.candidates import Wanted, candidates
from recsys_tasks.pages.live import live
from recsys_tasks.pages.site import render
from recsys_tasks.release.bundles import GATED, bundle_name, part_name
from recsys_tasks.steps import Workplace, roll_back
from recsys_tasks.storage.posix import PosixStore

NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)  # the newest release's data end twelve hours before
FRESH = FreshnessConfig()
D15, D16 = (datetime(2026, 1, n, tzinfo=UTC).date() for n in (15, 16))


def page(found):
    """The page as text."""
    return render("live", "live", home="/recsys/", airflow="/", **found)


def candidates_page(store):
    """The page of the candidates as text."""
    return render("candidates", "candidates", home="/recsys/", airflow="/", **candidates(store, Wanted()))


class TestSentence:
    def test_what_is_live_is_named_with_its_date(self, finished):
        """Number and date, and nothing of a newest candidate that went live itself."""
        found = live(finished.store, FRESH, NOW)
        assert found["sentence"] == "Release 3 (data of 2026-01-15) is live."

    def test_before_the_first_release_it_says_what_to_do(self, tmp_path):
        """An empty store is no error: what makes a release appear is said."""
        found = live(PosixStore(tmp_path), FRESH, NOW)
        assert found["sentence"] == "Nothing is live: no release has been published yet; no day has been judged."
        assert "A release appears here when the gate has passed" in page(found)

    @pytest.mark.parametrize(
        ("policy", "did"),
        [({"min_users": 5000}, "was held back: only"), ({"floor": 0.9}, "was blocked: precision")],
    )
    def test_a_newer_candidate_that_did_not_pass_is_told_with_its_reasons(self, copied, policy, did):
        """What is live stays, and the sentence says what became of the candidate after it."""
        strict = Workplace(copied.store, config(gate=policy), copied.dsn)
        run(strict, D16)
        said = live(copied.store, FRESH, NOW)["sentence"]
        assert said.startswith(f"Release 3 (data of 2026-01-15) is live; the candidate of 2026-01-16 {did}")

    def test_a_quarantined_date_is_told_with_its_reason(self, copied):
        """On this page and beside the candidates, of which a date that a check stopped has none; else not a word."""
        pages = (lambda: page(live(copied.store, FRESH, NOW)), lambda: candidates_page(copied.store))
        for shown in pages:
            assert "Quarantined" not in shown()
        copied.checked.save_collapse(D15, copied.partitions.digest(D15), "0.0007 for the <candidate>")
        for shown in pages:
            assert "<li>2026-01-15: collapse of precision: 0.0007 for the &lt;candidate&gt;, asked: " in shown()

    def test_a_candidate_that_a_pin_kept_is_told(self, copied):
        """It passed, and is kept for the reason that the log gives."""
        roll_back(copied, 2, SIGNED)
        run(copied, D16)
        rows = live(copied.store, FRESH, NOW)
        assert rows["sentence"] == (
            "Release 2 (data of 2026-01-14) is live; the candidate of 2026-01-16 passed the gate but was kept, "
            f"because release 2 is pinned by {SIGNED.by}."
        )
        assert f"<strong>Pinned</strong> by <bdi>{SIGNED.by}</bdi>" in page(rows)


class TestFigures:
    def test_the_figures_are_those_of_the_log_and_of_the_judgement(self, finished):
        """Precision with its interval, the popular tracks, the release before, recall, and the bytes of all parts."""
        found = live(finished.store, FRESH, NOW)
        entry, before = (finished.releases.log().release(number) for number in (3, 2))
        assert found["figures"] == entry.figures
        assert found["precision"].value == entry.figures["precision"]
        assert found["precision"].low < entry.figures["precision"] < found["precision"].high
        assert found["before_figures"]["precision"] == before.figures["precision"]
        assert found["judged"]["user_recall"] > 0.9
        bundle = finished.store.root / bundle_name(entry.candidate)
        files = [path for part in entry.parts for path in (bundle / part).iterdir() if path.name != "manifest.json"]
        assert sum(part["bytes"] for part in found["parts"]) == sum(path.stat().st_size for path in files)
        assert "12 hours" in page(found)

    def test_the_age_is_red_past_the_bound(self, finished):
        """Twelve hours are stale for a bound of eleven, and not for one of twelve."""
        assert "Stale." not in page(live(finished.store, FreshnessConfig(max_age_hours=12), NOW))
        assert "Stale." in page(live(finished.store, FreshnessConfig(max_age_hours=11), NOW))


class TestDamage:
    @pytest.mark.parametrize("broken", ["a missing file", "a cut file", "a foreign manifest", "no bundle"])
    def test_a_damaged_live_bundle_is_told_on_top(self, copied, broken):
        """What is wrong, and what can be done; all the rest of the page is there."""
        entry = copied.releases.log().require_live()
        part = copied.store.root / part_name(entry.candidate, GATED)
        if broken == "no bundle":
            part.rename(part.with_name("elsewhere"))
        elif broken == "a foreign manifest":
            damage(part / "manifest.json")
        else:
            part.chmod(0o755)
            (part / "index.ann").chmod(0o644)
            if broken == "a cut file":
                (part / "index.ann").write_bytes(b"cut")
            else:
                (part / "index.ann").unlink()
        found = live(copied.store, FRESH, NOW)
        assert found["damage"]
        text = page(found)
        assert "The live bundle is damaged." in text
        assert "roll back to another release" in text
        assert "Release 3 (data of 2026-01-15) is live." in text

    def test_a_damaged_log_is_refused_and_nothing_older_shown(self, copied):
        """The newest entry rots: the page says that it cannot say, never the release before."""
        damage(log_file(copied.store, 3))
        with pytest.raises(CorruptArtefact, match=r"3\.json is not a sound log entry"):
            live(copied.store, FRESH, NOW)
