"""Lineage: from a release back to the streams of each date, as far as the store still knows, and no further."""

import json
import shutil
from dataclasses import replace
from datetime import date
from importlib.metadata import version

import numpy as np
import pytest
from settings import SIGNED, config, run

from recsys_tasks.cli.main import main
from recsys_tasks.core import versions
from recsys_tasks.core.domain import PlayCounts
from recsys_tasks.core.errors import NotStored, UnknownId
from recsys_tasks.core.versions import library_versions
from recsys_tasks.matrix.chain import chain_digests
from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.release.lineage import lineage
from recsys_tasks.steps import Workplace, roll_back
from recsys_tasks.steps.extract import qualification_rule
from recsys_tasks.storage.stored_forms import counts_digest

D13, D14, D15 = (date(2026, 1, n) for n in (13, 14, 15))
STEPS = ["extract_streams", "increment_matrix", "train_als", "build_index", "evaluate", "gate", "publish"]


def restate(at, day):
    """Store a date's counts as others than they were, as extraction does; digest before, digest after."""
    before = at.partitions.newest(day)
    counts = at.partitions.load(day, before.digest)
    changed = PlayCounts(counts.user_ids, counts.track_ids, counts.plays + np.uint32(1))
    figures = replace(before.figures, rows_read=7_000, rows_kept=int(changed.plays.sum()))
    after = replace(before, digest=counts_digest(changed), fingerprint=None, figures=figures)
    at.partitions.keep_replaced(day)
    at.partitions.save(after, changed)
    return before.digest, after.digest


def told(at, capsys, *words):
    """What the command prints."""
    assert main(["lineage", *words], {"RECSYS_ROOT": str(at.store.root), "USER": "o"}) == 0
    return capsys.readouterr().out


class TestWayBack:
    def test_each_station_names_the_one_before_it(self, finished):
        """Bundle, model and matrix are those of the manifests, and the digests of the partitions prove the matrix."""
        found = lineage(finished.store, "2")
        entry = finished.releases.log().release(2)
        key = finished.bundles.key(entry.candidate)
        assert (found["candidate"], found["day"], found["live"]) == (entry.candidate, "2026-01-14", False)
        assert {name: part["sha256"] for name, part in found["parts"].items()} == entry.parts
        assert (found["factors"]["digest"], found["matrix"]["digest"]) == (key.component, key.matrix)
        assert found["index"]["parameters"] == finished.config.index.model_dump()
        assert found["factors"]["parameters"]["regularization"] == 10.0
        assert found["factors"]["trainer"] == f"implicit {version('implicit')}"
        chain = [(date.fromisoformat(row["day"]), row["digest"]) for row in found["partitions"]]
        assert chain_digests(chain)[-1] == key.matrix
        assert found["lost"] == []

    def test_the_source_counts_add_up_to_the_matrix(self, finished):
        """Of each date rows read = kept + dropped; what was kept in all is what the matrix holds."""
        found = lineage(finished.store, "3")
        for row in found["partitions"]:
            assert row["rows_read"] == row["rows_kept"] + sum(row["dropped"].values())
            assert row["rule"] == qualification_rule(finished.config.source)
        assert sum(row["rows_kept"] for row in found["partitions"]) == found["matrix"]["plays"]

    def test_a_warm_model_names_its_parents(self, finished):
        """The second day began from the factors of the first, which began cold."""
        factors = lineage(finished.store, "2")["factors"]
        (parent,) = factors["parents"]
        assert (factors["warm"], parent["warm"], parent["day"]) == (True, False, "2026-01-13")
        assert parent["digest"] == lineage(finished.store, "1")["factors"]["digest"]
        assert lineage(finished.store, "3")["factors"]["parents"] == [], "a cold start by the calendar"

    def test_the_recall_is_that_of_the_judgement(self, copied, capsys):
        """What the gate measured stands beside the index; of a candidate that was never judged, none does."""
        found, (judgement,) = lineage(copied.store, "2"), copied.judgements.of(D14)
        assert found["index"]["recall"] == copied.judgements.figures(judgement)["recall"]
        assert "recall mean_scored" in told(copied, capsys, "2")
        shutil.rmtree(copied.store.root / judgement.place)
        assert lineage(copied.store, "2")["index"]["recall"] is None
        assert "recall" not in next(line for line in told(copied, capsys, "2").splitlines() if line.startswith("index"))

    def test_the_runs_tell_who_and_which_versions(self, copied):
        """One run made all of it; a rerun that found everything stored takes no part in it."""
        run(copied, D14)
        runs = lineage(copied.store, "2")["runs"]
        assert [record["step"] for record in runs] == STEPS
        assert {record["run_id"] for record in runs} == {copied.releases.log().release(2).run_id}
        assert {record["by"] for record in runs} == {"olga"}
        assert all(record["versions"] == library_versions() for record in runs)
        assert library_versions().keys() >= {"python", "numpy", "scipy", "implicit", "annoy", "pyarrow"}

    @pytest.mark.parametrize("there", [True, False])
    def test_lightgbm_is_named_where_it_is_installed(self, monkeypatch, there):
        """It trains the trees that may join a candidate, and is an extra."""
        if there:
            pytest.importorskip("lightgbm")
        else:
            monkeypatch.setattr(versions, "find_spec", lambda _name: None)
        assert ("lightgbm" in library_versions.__wrapped__()) == there

    def test_every_entry_of_a_release_is_told(self, copied):
        """What became live again later stands there with who and why."""
        roll_back(copied, 1, SIGNED)
        found = lineage(copied.store, "1")
        assert [(e["number"], e["kind"], e["by"], e["why"]) for e in found["log"]] == [
            (1, "publish", "olga", "a test"),
            (4, "rollback", "olga", "a test"),
        ]
        assert found["live"]

    def test_a_held_candidate_has_a_way_back_too(self, copied):
        """By how its digest begins; nobody published it, and its verdict says why."""
        strict = Workplace(copied.store, config(gate={"min_users": 5000}), copied.dsn)
        candidate = run(strict, D14, cold_start=True).candidate
        found = lineage(copied.store, candidate[:10])
        assert (found["candidate"], found["release"], found["log"], found["live"]) == (candidate, None, [], False)
        assert [row["outcome"] for row in found["judgements"]] == ["HOLD"]
        assert set(found["parts"]) == {"gated", "names"}
        assert len(found["partitions"]) == 10

    @pytest.mark.parametrize(("name", "error"), [("77", UnknownId), ("ffff", NotStored), ("", NotStored)])
    def test_what_never_was_is_named(self, finished, name, error):
        """No such release, no such candidate."""
        with pytest.raises(error):
            lineage(finished.store, name)


class TestRerun:
    def test_a_rerun_under_the_same_run_takes_nothing_from_what_the_first_try_did(self, copied):
        """A reprocessed run keeps its id: who published, and when, stays told."""
        before = lineage(copied.store, "3")["runs"]
        run_id = copied.releases.log().release(3).run_id
        for step in ("increment_matrix", "evaluate", "publish"):
            first = copied.runs.last(run_id, step)
            again = first | {"began": "2027-01-01T00:00:00+00:00", "by": "another"}
            result = {"published": False} if step == "publish" else first["result"]
            copied.runs.save(run_id, step, again | {"result": result})
            assert copied.runs.last(run_id, step)["by"] == "another"
            copied.runs.save(run_id, step, {"step": step, "began": "2027-01-02", "outcome": "killed"})
            copied.runs.save(run_id, step, {"step": step, "began": "2027-01-03", "outcome": "killed again"})
            assert copied.runs.last(run_id, step)["by"] == "another", "a try without a result hides none"
        assert lineage(copied.store, "3")["runs"] == before
        ends = [record["outcome"] for record in copied.runs.of_run(run_id) if record["step"] == "publish"]
        assert ends == ["ok", "ok", "killed again"], "tries without a result do not pile up"


class TestRestated:
    def test_a_release_from_before_a_restatement_still_knows_its_counts(self, copied):
        """The version that was folded, its own figures, and what has replaced it since."""
        before = lineage(copied.store, "3")["partitions"][8]
        old, new = restate(copied, D13)
        row = lineage(copied.store, "3")["partitions"][8]
        assert row == before | {"replaced_by": new}
        assert (row["day"], row["digest"]) == ("2026-01-13", old)

    def test_a_release_from_after_it_names_the_version_before(self, copied):
        """The other way round: the newest version was folded, and there was another."""
        old, new = restate(copied, D13)
        run(copied, D15)
        copied.runs.save("backfill 13", "extract_streams", {"result": {"restated": ["2026-01-13"]}})
        row = lineage(copied.store, copied.releases.log().require_live().candidate)["partitions"][8]
        assert (row["digest"], row["replaced_by"]) == (old, None), "its late window found the source as it was"
        assert row["other_versions"] == [new]
        assert "backfill 13" in row["restated_by"]

    def test_a_long_chain_is_told_by_its_ends_what_was_restated_and_the_sums(self, copied, capsys):
        """Eleven dates, three rows and a total; --json has all of them."""
        old, new = restate(copied, D13)
        found = json.loads(told(copied, capsys, "3", "--json"))
        assert len(found["partitions"]) == 11
        lines = told(copied, capsys, "3").splitlines()
        lines = lines[[line[:10] for line in lines].index("partitions") :]
        rows = [line.split() for line in lines if line.startswith(("  2026-", "  all"))]
        assert [row[0] for row in rows] == ["2026-01-05", "2026-01-13", "2026-01-15", "all", "2026-01-13:"]
        assert rows[1][1] == old[:16]
        kept = sum(row["rows_kept"] for row in found["partitions"])
        assert rows[3][2] == f"{kept:,}"
        assert f"version {new[:16]} has replaced it since" in " ".join(rows[4])


class TestRemoved:
    def test_a_chain_is_proven_from_the_partitions_when_its_matrix_is_gone(self, copied, capsys):
        """The matrix's digest is one of the partitions: where they are the same, they are what it was folded from."""
        before = lineage(copied.store, "3")["partitions"]
        shutil.rmtree(copied.store.root / "matrices")
        found = lineage(copied.store, "3")
        assert found["partitions"] == before
        assert found["lost"] == [
            "the play matrix, but the partitions that are there prove to be those it was folded from"
        ]
        assert "(not stored any more)" in told(copied, capsys, "3")

    def test_a_chain_that_nothing_proves_is_not_guessed(self, copied):
        """The matrix is gone and a date was restated: what it was folded from is not known any more."""
        restate(copied, D13)
        shutil.rmtree(copied.store.root / "matrices")
        found = lineage(copied.store, "3")
        assert found["partitions"] == []
        assert "others by now" in found["lost"][0]

    def test_of_a_removed_bundle_the_rest_is_told(self, copied, capsys):
        """The judgement still names the model, the model the matrix, the log the parts."""
        shutil.rmtree(copied.store.root / bundle_name(copied.releases.log().release(3).candidate))
        found = lineage(copied.store, "3")
        assert (found["index"], found["factors"]["stored"], found["matrix"]["stored"]) == (None, True, True)
        assert [part["stored"] for part in found["parts"].values()] == [False, False, False]
        assert len(found["partitions"]) == 11
        assert found["lost"] == ["the bundle: its index, factors, names and users"]
        assert "the bundle: its index" in told(copied, capsys, "3")

    def test_where_everything_went_the_log_still_answers(self, copied, capsys):
        """Who published what, when and by which run stands in the log for good."""
        for kind in ("bundles", "models", "matrices", "evaluations", "runs"):
            shutil.rmtree(copied.store.root / kind)
        found = lineage(copied.store, "2")
        assert (found["day"], found["log"][0]["by"], found["runs"], found["partitions"]) == (
            "2026-01-14",
            "olga",
            [],
            [],
        )
        assert len(found["lost"]) == 3
        said = told(copied, capsys, "2")
        assert "no record of them is left" in said
        assert "entry 2: publish by olga" in said
