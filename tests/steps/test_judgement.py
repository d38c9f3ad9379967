"""What a judgement keeps: the verdict again from its file alone, the pairs, the samples, the series of dates."""

import json
import re
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from settings import TOML, config, reseal

from recsys_tasks.cli.main import main
from recsys_tasks.core.digests import canonical_json
from recsys_tasks.core.errors import NotStored
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.release.judgements import FIGURES
from recsys_tasks.release.series import series
from recsys_tasks.release.stored_verdicts import VERDICT
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.released_models import reference_of
from recsys_tasks.steps.verdict import recomputed
from recsys_tasks.storage.artefacts import open_artefact

LAST = date(2026, 1, 15)


def judgement(at, day=LAST):
    """The only judgement of a date."""
    (found,) = at.judgements.of(day)
    return found


def folder(at, day=LAST):
    """Directory of the only judgement of a date."""
    return at.store.root / judgement(at, day).place


def per_user(at, day=LAST):
    """Figures of single users: name -> values."""
    return at.judgements.load(judgement(at, day)).per_user


def environment(at, tmp_path):
    """What the command line needs."""
    (tmp_path / "config.toml").write_text(TOML)
    return {"RECSYS_ROOT": str(at.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml"), "USER": "o"}


def forge(path):
    """Set the candidate's figures to nothing, checksums and all, as a wrong program could have."""
    file = path / "per_user.parquet"
    table = pq.read_table(file)
    place = table.column_names.index("candidate_precision")
    file.chmod(0o644)
    pq.write_table(table.set_column(place, "candidate_precision", pa.array(np.zeros(len(table)))), file)
    reseal(path)


class TestRecomputing:
    def test_every_verdict_comes_out_again(self, finished):
        """Outcome, reasons and figures of each stored verdict follow from its Parquet file and its policy alone."""
        for day in (13, 14, 15):
            then, again = recomputed(finished.judgements, judgement(finished, date(2026, 1, day)))
            assert then == again

    def test_the_command_prints_the_same_verdict_and_reasons(self, finished, tmp_path, capsys):
        """`gate --date D` tells what the run told, and needs neither the source nor the configuration."""
        assert main(["gate", "--date", "2026-01-15"], {"RECSYS_ROOT": str(finished.store.root)}) == 0
        said = capsys.readouterr().out
        assert "PASS, by the policy of that day (as it was stored)" in said
        assert "against release 2 " in said, "the release that was live then, which is not the live one any more"
        reasons = recomputed(finished.judgements, judgement(finished))[0].reasons
        assert all(reason.replace("the live release", "release 2") in said for reason in reasons)

    def test_another_policy_may_be_tried(self, finished, tmp_path, capsys):
        """With today's policy the same figures are a HOLD, which the exit code says; what is stored stays."""
        strict = environment(finished, tmp_path)
        (tmp_path / "config.toml").write_text(TOML.replace("min_users = 100", "min_users = 5000"))
        assert main(["gate", "--date", "2026-01-15", "--todays-policy", "--json"], strict) == 3
        (row,) = json.loads(capsys.readouterr().out)["judgements"]
        assert (row["outcome"], row["same"]) == ("HOLD", False)
        assert recomputed(finished.judgements, judgement(finished))[0].outcome == "PASS"

    def test_figures_that_give_another_verdict_are_told(self, copied, tmp_path, capsys):
        """Figures that somebody changed, checksums and all, no longer give the stored verdict."""
        forge(folder(copied) / FIGURES)
        assert main(["gate", "--date", "2026-01-15"], environment(copied, tmp_path)) == 1
        told = capsys.readouterr()
        assert "BLOCK, by the policy of that day (not what was stored)" in told.out
        assert "another verdict" in told.err

    def test_a_date_without_a_judgement_is_named(self, finished, capsys):
        """Nothing judged is an error that says so."""
        assert main(["gate", "--date", "2026-01-12"], {"RECSYS_ROOT": str(finished.store.root)}) == 1
        assert "Nothing was judged on 2026-01-12" in capsys.readouterr().err

    def test_an_evaluation_that_was_never_judged_is_named(self, copied):
        """Figures without a verdict are no verdict."""
        path = folder(copied)
        (path / VERDICT).rename(path.parent / "elsewhere")
        with pytest.raises(NotStored, match="never judged"):
            recomputed(copied.judgements, judgement(copied))


class TestPairs:
    def test_head_and_tail_make_up_the_whole(self, finished):
        """A listener's hits are those among the head plus those among the tail; likewise new and established."""
        found = per_user(finished)
        for one, other in (("head", "tail"), ("new", "established")):
            parts = [found[f"candidate_common_{kind}_precision"] for kind in (one, other)]
            both = ~np.isnan(parts[0]) & ~np.isnan(parts[1])
            assert both.any()
            np.testing.assert_allclose(sum(parts)[both], found["candidate_common_precision"][both])

    def test_the_reference_is_compared_from_the_second_day_on(self, finished):
        """Release 1 is the reference of the days after its own; on its own day there is none."""
        assert "reference_precision" not in per_user(finished, date(2026, 1, 13))
        row = series(finished.store)[-1]
        assert row["reference"]["release"] == 1
        assert 0 < row["reference"]["incumbent"] < 1
        assert row["reference"]["users"] > 100

    def test_a_reference_that_is_gone_or_unwanted_is_no_error(self, copied):
        """Without a reference the day is judged all the same."""
        log = copied.releases.log()
        assert reference_of(copied, log, LAST).release == 1
        for number in (0, 99):
            unwanted = Workplace(copied.store, config(drift={"reference_release": number}), copied.dsn)
            assert reference_of(unwanted, log, LAST) is None
        bundle = copied.store.root / bundle_name(log.release(1).candidate)
        bundle.rename(bundle.with_name("gone"))
        assert reference_of(copied, log, LAST) is None

    def test_the_honest_figure_is_the_live_releases_own(self, finished):
        """What was live scores on plays that it had never seen, over all tracks, without the candidate's help."""
        honest = series(finished.store)[-1]["honest"]
        assert honest["release"] == 2
        assert honest["precision"] == pytest.approx(per_user(finished)["incumbent_precision"].mean())


class TestSamples:
    def test_five_listeners_by_name_and_without_ids(self, finished):
        """Letters for listeners, titles and artists for tracks; heard, recommended, and recommended by what is live."""
        table = open_artefact(folder(finished) / FIGURES).table("samples")
        rows = table.to_pylist()
        assert table.column_names == ["listener", "kind", "place", "title", "artist", "hit"]
        assert sorted({row["listener"] for row in rows}) == list("ABCDE")
        assert {row["kind"] for row in rows} == {"heard", "candidate", "incumbent"}
        assert all(row["title"] and row["artist"] for row in rows)
        lists = {(row["listener"], row["kind"]) for row in rows if row["kind"] != "heard"}
        assert len(rows) >= 10 * len(lists)

    def test_a_hit_is_one_of_the_evaluations_hits(self, finished):
        """Some listener in the world has a hit; a sample shows no more hits than the metric counted."""
        rows = open_artefact(folder(finished) / FIGURES).table("samples").to_pylist()
        hits = [row["listener"] for row in rows if row["kind"] == "candidate" and row["hit"]]
        of_one = [hits.count(letter) for letter in "ABCDE"]
        assert max(of_one) <= 10 * per_user(finished)["candidate_precision"].max()
        assert not any(row["hit"] for row in rows if row["kind"] == "heard")


class TestSeries:
    def test_one_row_a_date_with_what_the_plots_need(self, finished):
        """Dates in order; precision with its error; recall, losses and growth from the judgement itself."""
        rows = series(finished.store)
        assert [row["day"] for row in rows] == ["2026-01-13", "2026-01-14", "2026-01-15"]
        for number, row in enumerate(rows, 1):
            assert row["release"] == number
            assert row["precision"] > row["popularity"] > 0 < row["precision_error"]
            assert 0.9 < row["user_recall"] <= 1
            assert len(row["losses"]) == row["iterations"] > 0 < row["new_tracks"]
            assert row["signed_by"] is None

    def test_it_ends_where_it_is_told_to(self, finished):
        """The series of a date holds nothing of later ones."""
        assert len(series(finished.store, date(2026, 1, 14))) == 2

    def test_it_outlives_matrix_model_and_bundle(self, copied):
        """Retention may remove what a row was made from; the row stays the same."""
        before = series(copied.store)
        for kind in ("matrices", "models", "bundles"):
            (copied.store.root / kind).rename(copied.store.root / f"gone-{kind}")
        assert series(copied.store) == before


def test_no_infinite_number_is_ever_stored():
    """JSON has no infinity: what cannot be said is null, and anything else is refused before it is written."""
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"error": float("inf")})


def test_a_policy_of_one_listener_is_refused():
    """One listener has no standard error."""
    with pytest.raises(ValueError, match=re.escape("greater than or equal to 2")):
        GateConfig(min_users=1)
