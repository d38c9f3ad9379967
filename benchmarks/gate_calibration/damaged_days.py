"""Days that went wrong, and days with planted accounts, recorded like sound ones.

    python -m benchmarks.gate_calibration.recorded_days WORLD --to DIR     # first
    python -m benchmarks.gate_calibration.damaged_days WORLD --to DIR               # what is not there yet
    python -m benchmarks.gate_calibration.damaged_days WORLD --to DIR --ring N      # a ring over the first N days

The kinds of a single day, DIR/WORLD/day-NNN-KIND.npz; the days before are sound:

- ``permuted``: every track stands under the id of another one; ``reissued``: half of the tracks come under new ids;
  ``shuffled``: the track column is shuffled over the day's rows; ``doubled``: every stream twice; ``replayed``: the day
  before once more, instead of the day (which leaves nothing to discover); ``replayed-too``: besides the day;
- ``dormant``: sleeping accounts wake up, as many as 5 % of the day's listeners, and play the ten most popular tracks;
  ``top10``: so do 5 % of the listeners, all with long histories, honestly; ``chosen``: as many sleeping accounts, all
  of them among the hidden, play one list of 20 tracks; ``mirror``: sleeping accounts play the ten tracks that the live
  release recommends to them; ``farm``: they play the ten newest tracks of the day, which is how fraud makes money.

``ring`` is a chain of its own: from the first day of the history on, as many accounts as 5 % of the first recorded
day's listeners play a list of 20 tracks that they share, another one each day.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from threadpoolctl import threadpool_limits

from benchmarks.gate_calibration.daily_runs import EVERYBODY, Morning, chain, run
from benchmarks.gate_calibration.hidden_ranks import Listing, popular_scores
from benchmarks.gate_calibration.recorded_days import NOBODY, WORLDS, K, record, save
from benchmarks.gate_calibration.recorded_worlds import SLEEPER_ID, DatedWorld, counted, together
from recsys_tasks.core.domain import PlayCounts
from recsys_tasks.core.keyed_random import keyed_hash
from recsys_tasks.matrix.popularity import listeners_of, popular_order

NEW_IDS, RING_ID = 1 << 40, 1 << 41
PLANTED_SHARE, LIST_LENGTH = 0.05, 20
Ids = npt.NDArray[np.int64]
Changed = tuple[PlayCounts, Ids]
"""The day's plays, and the accounts that are to be called planted."""
Change = Callable[[Morning, DatedWorld, np.random.Generator], Changed]


def columns(counts: PlayCounts) -> tuple[Ids, Ids, npt.NDArray[np.uint32]]:
    """Users, tracks and plays as arrays. (n_pairs,) each."""
    return np.asarray(counts.user_ids), np.asarray(counts.track_ids), counts.plays


def permuted(morning: Morning, _world: DatedWorld, rng: np.random.Generator) -> Changed:
    """Every track under the id of another one, of all that were ever played."""
    users, tracks, plays = columns(morning.counts)
    known = np.union1d(np.asarray(morning.incumbent.matrix.tracks.ids), tracks)
    return counted(users, rng.permutation(known)[np.searchsorted(known, tracks)], plays), NOBODY


def reissued(morning: Morning, _world: DatedWorld, rng: np.random.Generator) -> Changed:
    """Half of the tracks under ids that nobody has seen."""
    users, tracks, plays = columns(morning.counts)
    heard, place = np.unique(tracks, return_inverse=True)
    return counted(users, np.where(rng.random(len(heard)) < 0.5, heard + NEW_IDS, heard)[place], plays), NOBODY


def shuffled(morning: Morning, _world: DatedWorld, rng: np.random.Generator) -> Changed:
    """The right listeners and the right tracks, none beside its own."""
    users, tracks, plays = columns(morning.counts)
    return counted(np.repeat(users, plays), rng.permutation(np.repeat(tracks, plays))), NOBODY


def doubled(morning: Morning, _world: DatedWorld, _rng: np.random.Generator) -> Changed:
    """Every stream twice."""
    return replace(morning.counts, plays=2 * morning.counts.plays), NOBODY


def replayed(morning: Morning, world: DatedWorld, _rng: np.random.Generator) -> Changed:
    """The day before instead of the day."""
    return world.counts(morning.number - 1), NOBODY


def replayed_too(morning: Morning, world: DatedWorld, _rng: np.random.Generator) -> Changed:
    """The day before besides the day."""
    return together(morning.counts, world.counts(morning.number - 1)), NOBODY


def dormant(morning: Morning, _world: DatedWorld, _rng: np.random.Generator) -> Changed:
    """Sleeping accounts play the most popular tracks."""
    return planted(morning, sleepers(morning)[: how_many(morning)], popular_ids(morning))


def top10(morning: Morning, _world: DatedWorld, rng: np.random.Generator) -> Changed:
    """Honest listeners with long histories play the most popular tracks beside their own."""
    matrix = morning.incumbent.matrix
    listeners = np.unique(np.asarray(morning.counts.user_ids))
    rows = matrix.users.rows_of(pa.array(listeners))
    known = np.where(rows >= 0, np.diff(matrix.counts.indptr)[rows], 0)
    established = listeners[known >= np.median(known)]
    return planted(morning, rng.choice(established, how_many(morning), replace=False), popular_ids(morning))


def chosen(morning: Morning, world: DatedWorld, rng: np.random.Generator) -> Changed:
    """Sleeping accounts whose hash hides them, and a list for all of them."""
    matrix, salt = morning.incumbent.matrix, f"recsys {world.day(morning.number).isoformat()}"
    rows = matrix.users.rows_of(morning.counts.user_ids)
    honest = keyed_hash(matrix.users.ids.take(pa.array(np.unique(rows[rows >= 0]))), salt)
    accounts = sleepers(morning)
    hidden = accounts[keyed_hash(pa.array(accounts), salt) < np.quantile(honest, 0.5 - PLANTED_SHARE)]
    return planted(
        morning, hidden[: how_many(morning)], rng.choice(np.asarray(matrix.tracks.ids), LIST_LENGTH, replace=False)
    )


def mirror(morning: Morning, _world: DatedWorld, _rng: np.random.Generator) -> Changed:
    """Sleeping accounts play what the live release recommends to each of them."""
    live, accounts = morning.incumbent, sleepers(morning)[: how_many(morning)]
    rows = live.matrix.users.rows_of(pa.array(accounts))
    listing = Listing(live.vectors[rows], live.trained.item_factors, popular_scores(live.matrix.counts))
    scores = listing.scores(slice(None), len(live.matrix.tracks))
    scores[live.matrix.counts[rows].nonzero()] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    tracks = np.asarray(live.matrix.tracks.ids)[best]
    return together(morning.counts, counted(np.repeat(accounts, K), tracks.ravel())), accounts


def farm(morning: Morning, _world: DatedWorld, _rng: np.random.Generator) -> Changed:
    """Sleeping accounts play the newest tracks; ids rise with the day of release."""
    newest = np.unique(np.asarray(morning.counts.track_ids))[-K:]
    return planted(morning, sleepers(morning)[: how_many(morning)], newest)


def planted(morning: Morning, accounts: Ids, tracks: Ids) -> Changed:
    """The day, and each of the accounts plays each of the tracks once."""
    added = counted(np.repeat(accounts, len(tracks)), np.tile(tracks, len(accounts)))
    return together(morning.counts, added), accounts


def sleepers(morning: Morning) -> Ids:
    """The accounts that fell asleep long ago, of those that the live release knows."""
    ids = np.asarray(morning.incumbent.matrix.users.ids)
    return np.sort(ids[ids >= SLEEPER_ID])


def how_many(morning: Morning) -> int:
    """Accounts to plant."""
    return round(PLANTED_SHARE * len(morning.counts.user_ids.unique()))


def popular_ids(morning: Morning) -> Ids:
    """The most popular tracks on the morning of the day."""
    matrix = morning.incumbent.matrix
    return np.asarray(matrix.tracks.ids)[popular_order(listeners_of(matrix.counts))[:K]]


KINDS: dict[str, Change] = {
    "permuted": permuted,
    "reissued": reissued,
    "shuffled": shuffled,
    "doubled": doubled,
    "replayed": replayed,
    "replayed-too": replayed_too,
    "dormant": dormant,
    "top10": top10,
    "chosen": chosen,
    "mirror": mirror,
    "farm": farm,
}


def damage(world: DatedWorld, morning: Morning, kind: str, folder: Path) -> None:
    """Run a day again with other plays."""
    counts, accounts = KINDS[kind](morning, world, np.random.default_rng([morning.number, *kind.encode()]))
    evening = run(world, replace(morning, counts=counts))
    save(folder, f"day-{morning.recorded:03}-{kind}", record(world, morning, evening, accounts))


def with_ring(world: DatedWorld, members: Ids) -> DatedWorld:
    """The world with a ring among its listeners since the first day."""
    catalogue = np.unique(np.asarray(world.counts(0).track_ids))

    def counts(number: int) -> PlayCounts:
        tracks = np.random.default_rng([number, 4]).choice(catalogue, LIST_LENGTH, replace=False)
        played = counted(np.repeat(members, LIST_LENGTH), np.tile(tracks, len(members)))
        return together(world.counts(number), played)

    return replace(world, counts=counts)


def record_ring(world: DatedWorld, days: int, folder: Path) -> None:
    """Record the first days of a world with a ring."""
    listeners = len(world.counts(world.history).user_ids.unique())
    members = RING_ID + np.arange(round(PLANTED_SHARE * listeners))
    for morning, evening in chain(with_ring(world, members), days):
        save(folder, f"day-{morning.recorded:03}-ring", record(world, morning, evening, members))


def main() -> None:
    """Record damaged days."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", choices=("sparse", "demo"))
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="where the sound days are")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--every", type=int, default=8, metavar="N", help="damage every so many days (8)")
    parser.add_argument("--days", type=int, default=EVERYBODY, metavar="N", help="of the first so many days")
    parser.add_argument("--ring", type=int, default=0, metavar="N", help="record a ring over so many days instead")
    options = parser.parse_args()
    folder = options.to / options.world
    with threadpool_limits(1):
        world = WORLDS[options.world](Path())
        if options.ring:
            record_ring(world, options.ring, folder)
            return
        for morning, _ in chain(world, options.days):
            for kind in options.kinds if morning.recorded % options.every == 0 else ():
                if not (folder / f"day-{morning.recorded:03}-{kind}.npz").exists():
                    damage(world, morning, kind, folder)


if __name__ == "__main__":
    main()
