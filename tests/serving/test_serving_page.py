"""docs/serving.md tells the truth: its Python runs, and another language reads a bundle and finds the same tracks."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from recsys_tasks.release.bundles import bundle_name
from recsys_tasks.serving.reader import Reader

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "best_tracks.mjs"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not on this machine")
def test_node_finds_the_same_tracks(finished):
    """A script of forty lines of JavaScript lists the tracks of a listener as the exact search does."""
    reader, row = Reader(finished.store), 11
    bundle = finished.store.root / bundle_name(reader.entry.candidate)
    asked = subprocess.run(
        ["node", str(SCRIPT), str(bundle), str(row), "10"], capture_output=True, text=True, check=True
    )
    users, tracks = reader.bundle.users, reader.bundle.gated.search.tracks
    scores = tracks.ranked_factors.astype(np.float64) @ users.vectors[row]
    scores[np.isin(tracks.rank_cols, users.cols[users.indptr[row] : users.indptr[row + 1]])] = -np.inf
    best = np.argsort(-scores)[:10]
    found = json.loads(asked.stdout)
    assert [col for col, _ in found] == tracks.rank_cols[best].tolist()
    assert [score for _, score in found] == pytest.approx(scores[best])


def test_the_python_of_the_page_runs(finished):
    """The page's example, against a store of three days: lists of everybody's shape, and a radio of twenty tracks."""
    block = PAGE.split("## In Python")[1].split("\n- ")[0]
    code = "\n".join(line[4:] for line in block.splitlines() if line.startswith("    "))
    found = {}
    exec(code.replace("/srv/recsys", str(finished.store.root)), found)  # noqa: S102 - our own page
    assert found["lists"].cols.shape == (1_000, 30)
    assert len(set(found["next_twenty"])) == 20
