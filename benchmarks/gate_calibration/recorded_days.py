"""Consecutive days of several worlds, with the rank of every hidden play under each model that the gate asks.

    python -m benchmarks.gate_calibration.recorded_days WORLD --to DIR [--days N] [--data PATH]

Each day is run by the library's own functions: folded, split, trained from yesterday's factors by the rule of the daily
run, and half of the day's known listeners are asked. A file a day is written, DIR/WORLD/day-NNN.npz; any statistic of
the gate, and any rule over days, can then be tried on listeners that are drawn from these files. Scores are exact: the
index is left out.

Of each hidden play, (n_plays,): ``listener``, its place among the scored listeners; ``track``, its column;
``track_listeners``, how many of the training played it; and its rank from 0 among the tracks that the listener does not
know, at most ``WORST``, which also stands for a track that the model cannot list:

- ``rank_cand_all``, ``rank_inc_all``, ``rank_ref_all``, ``rank_pop`` among all tracks: by the candidate of the day, the
  incumbent (yesterday's candidate as it was published), the reference (the first day's tracks, listeners folded in) and
  the popular tracks;
- ``rank_cand_inc`` and ``rank_inc`` among the tracks that both know, -1 where the play's track is none of them;
  ``rank_cand_ref`` and ``rank_ref``, ``rank_cand_week`` and ``rank_week`` likewise, the latter for another reference:
  the release of a week before, treated alike (until there is one, the first).

Of each scored listener, (n_scored,): ``user_row``, the same on all days; ``history``, the number of known tracks;
``n_hidden``; ``first_day``, days since 1970; ``planted``, whether the account is an invented one.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.gate_calibration.daily_runs import EVERYBODY, Evening, Morning, chain
from benchmarks.gate_calibration.hidden_ranks import HiddenPlays, Listing, popular_scores, reference_listing
from benchmarks.gate_calibration.recorded_worlds import DatedWorld, demo, journey, lastfm, sparse
from recsys_tasks.core.domain import day_number
from recsys_tasks.matrix.row_ranges import whole

K = 10
SHOWN = 1_400  # listeners that the printed standard errors are for
Recorded = dict[str, npt.NDArray[Any]]
NOBODY = np.zeros(0, np.int64)


def record(world: DatedWorld, morning: Morning, evening: Evening, planted: npt.NDArray[np.int64] = NOBODY) -> Recorded:
    """The arrays of a day's file; ``planted``: ids of invented accounts."""
    asked = HiddenPlays.of(evening.holdout)
    matrix, rows = evening.candidate.matrix, evening.holdout.user_rows[asked.rows]
    return ranked(world, morning, evening, asked) | {
        "listener": asked.listener.astype(np.int32),
        "track": asked.track.astype(np.int32),
        "track_listeners": evening.holdout.listeners[asked.track].astype(np.int32),
        "user_row": rows.astype(np.int32),
        "history": np.diff(asked.history.indptr).astype(np.int32),
        "n_hidden": np.bincount(asked.listener, minlength=len(rows)).astype(np.int32),
        "first_day": matrix.users.first_days[rows],
        "planted": np.isin(np.asarray(matrix.users.ids)[rows], planted),
        "day": np.array(day_number(world.day(morning.number))),
        "hidden_listeners": np.array(len(evening.holdout.user_rows)),
        "iterations": np.array(evening.candidate.iterations),
        "warm": np.array(evening.candidate.warm),
    }


def ranked(world: DatedWorld, morning: Morning, evening: Evening, asked: HiddenPlays) -> Recorded:
    """The ranks of all models."""
    candidate, live, holdout = evening.candidate, morning.incumbent, evening.holdout
    rows, popular, n_tracks = (
        holdout.user_rows[asked.rows],
        popular_scores(whole(holdout.training)),
        len(holdout.listeners),
    )
    listings = {name: reference_listing(world, release, asked) for name, release in morning.references.items()}
    listings["inc"] = Listing(live.vectors[rows], live.trained.item_factors, popular_scores(live.matrix.counts))
    own = Listing(candidate.trained.user_factors[rows], candidate.trained.item_factors, popular)
    common = [len(listing.items) for listing in listings.values()]
    names = ("rank_cand_all", *(f"rank_cand_{name}" for name in listings))
    ranks = dict(zip(names, asked.ranks(own, n_tracks, *common), strict=True))
    for name, listing in listings.items():
        ranks[f"rank_{name}_all"], ranks[f"rank_{name}"] = asked.ranks(listing, n_tracks, len(listing.items))
    everybody = Listing(np.zeros((len(rows), 1), np.float32), np.ones((n_tracks, 1), np.float32), popular)
    (ranks["rank_pop"],) = asked.ranks(everybody, n_tracks)
    return dict(ranks)


def precision(recorded: Recorded, ranks: str) -> npt.NDArray[np.float64]:
    """precision@K of each listener, NaN for one none of whose hidden plays is among the tracks. (n_scored,)."""
    rank, listener, n = recorded[ranks], recorded["listener"], len(recorded["user_row"])
    hits = np.bincount(listener, (rank >= 0) & (rank < K), minlength=n) / K
    return np.where(np.bincount(listener, rank >= 0, minlength=n) > 0, hits, np.nan)


def paired_error(recorded: Recorded, candidate: str, other: str) -> float:
    """Standard error of the mean difference at ``SHOWN`` listeners, as a share of the other's mean."""
    one, two = precision(recorded, candidate), precision(recorded, other)
    return float(np.nanstd(one - two, ddof=1) / np.sqrt(SHOWN) / np.nanmean(two))


def line(name: str, recorded: Recorded) -> str:
    """A day in one line."""
    if not len(recorded["user_row"]):
        return f"{name:16}  nobody has discovered anything"
    means = [np.nanmean(precision(recorded, f"rank_{who}")) for who in ("cand_all", "inc_all", "ref_all", "pop")]
    errors = [paired_error(recorded, f"rank_cand_{who}", f"rank_{who}") for who in ("inc", "week", "ref")]
    shown = "  ".join(f"{mean:.5f}" for mean in means) + "  " + "  ".join(f"{error:6.1%}" for error in errors)
    start = "warm" if recorded["warm"] else "cold"
    return f"{name:16}  {len(recorded['user_row']):6,}  {shown}  {start} {recorded['iterations']}"


HEAD = f"{'day':16}  scored  cand     inc      ref      pop      SE inc  SE week SE ref (at {SHOWN:,})"


def save(folder: Path, name: str, recorded: Recorded) -> None:
    """Write a day's file, whole or not at all, and print its line."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.npz"
    with part.open("wb") as file:
        np.savez_compressed(file, **recorded)  # type: ignore[arg-type]
    part.rename(folder / f"{name}.npz")
    print(line(name, recorded), flush=True)


WORLDS: dict[str, Callable[[Path], DatedWorld]] = {
    "sparse": lambda _path: sparse(),
    "demo": lambda _path: demo(),
    "journey": journey,
    "lastfm": lastfm,
}


def main() -> None:
    """Record the days of one world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("--to", type=Path, required=True, metavar="DIR")
    parser.add_argument("--days", type=int, default=EVERYBODY, metavar="N")
    parser.add_argument("--data", type=Path, default=Path(), metavar="PATH", help="journey's folder, lastfm's file")
    options = parser.parse_args()
    folder = options.to / options.world
    with threadpool_limits(1):
        world = WORLDS[options.world](options.data)
        print(HEAD, flush=True)
        for morning, evening in chain(world, options.days):
            save(folder, f"day-{morning.recorded:03}", record(world, morning, evening))


if __name__ == "__main__":
    main()
