"""What ``tune --components`` learns from: days, dates of tracks and a catalogue, all of before the hidden days."""

from datetime import date

import numpy as np
import pytest
from conftest import execute
from settings import TOML

from recsys_tasks.cli.main import main
from recsys_tasks.demo.world import PRESETS, build_world, write_world
from recsys_tasks.matrix.popularity import listeners_of
from recsys_tasks.recommenders.recent import Recent
from recsys_tasks.steps.tuning import ensemble_material

FOREVER, FADING = Recent(1e6), Recent(3.0)


def test_everything_is_known_up_to_the_hidden_days_and_nothing_of_them(copied):
    """Faded listeners are of the training's dates alone; hidden plays are of no pair that was played before."""
    found = ensemble_material(copied, date(2026, 1, 15), 2, (FOREVER, FADING))
    split, day = found.split, found.day
    assert day == date(2026, 1, 13)
    assert split.hidden.nnz > 0
    assert split.training.multiply(split.hidden).nnz == 0
    forever, faded = found.recent[FOREVER].sums, found.recent[FADING].sums
    played = listeners_of(split.training) > 0
    assert ((forever > 0) == played).all()
    assert (faded <= forever + 1e-9).all()
    assert len(found.artists) == len(split.tracks)
    assert (found.artists >= 0).mean() > 0.9
    assert found.catalogue.num_rows >= len(split.tracks)


def test_recent_plays_of_who_judges_know_what_teaches(copied):
    """Of three hidden dates the first teaches: those who judge know its listeners of known tracks. Of one, none do."""
    last = date(2026, 1, 15)
    found = ensemble_material(copied, last, 3, (FOREVER,))
    assert found.split.n_earlier == 1
    told = ensemble_material(copied, last, 2, (FOREVER,))
    columns = told.split.tracks.rows_of(found.split.tracks.ids)
    more = found.later[FOREVER].sums - found.recent[FOREVER].sums
    whole = told.recent[FOREVER].sums[columns] - found.recent[FOREVER].sums
    assert (more <= whole + 1e-3).all(), "of listeners who were known before the hidden dates"
    assert more.sum() > 0.8 * whole.sum() > 0
    assert ensemble_material(copied, last, 1, (FOREVER,)).later == {}


def test_a_sample_is_part_of_a_larger_one(copied):
    """Who is drawn first stays drawn, in the same group, with the same plays."""
    found = ensemble_material(copied, date(2026, 1, 15), 1, (FADING,))
    small, large = found.sample(300), found.sample(1_000)
    assert len(small.data.users) == 300
    rows = large.data.users.rows_of(small.data.users.ids)
    assert (rows >= 0).all()
    assert (small.data.plays != large.data.plays[rows]).nnz == 0
    for name in ("fitting", "validation", "reporting"):
        assert np.isin(rows[getattr(small, name)], getattr(large, name)).all()
        assert len(getattr(small, name))


@pytest.mark.parametrize("more", [[], ["--components"]])
def test_a_day_without_streams_may_be_allowed(source_dsn, tmp_path, capsys, more):
    """A small service has such days: tune refuses them, and passes with the option that it names."""
    write_world(source_dsn, build_world(PRESETS["small"]))
    execute(source_dsn, "DELETE FROM streams WHERE streamed_at::date = '2026-01-08'")
    (tmp_path / "recsys.toml").write_text(TOML)
    environment = {"RECSYS_CONFIG": str(tmp_path / "recsys.toml"), "RECSYS_ROOT": str(tmp_path / "store")}
    environment |= {"RECSYS_SOURCE_DSN": source_dsn, "USER": "o"}
    words = ["tune", "--date", "2026-01-09", "--factors", "4", "--minutes", "0", "--json", *more]
    assert main(words, environment) == 1
    assert "--allow-empty-day" in capsys.readouterr().err
    assert main([*words, "--allow-empty-day"], environment) == 0
