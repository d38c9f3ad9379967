"""A neural model for the benchmark of recommenders: SASRec, sized and trained by validation alone.

    python -m benchmarks.neural --data DIR --folder FOLDER [--only SET ...]
    python -m benchmarks.recommenders --data DIR --neural FOLDER

The first writes the sequences of each dated set into the folder and, where PyTorch is installed, trains on them, on a
GPU if there is one. What is in the folder is not made again, so that the sequences may be written on one machine and
trained on another, which needs no data. The second scores the vectors beside all else, and needs no PyTorch.
"""

import argparse
import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from benchmarks.recommender_logs import Fold, Numbers, Task
from benchmarks.recommender_sets import SETS
from recsys_tasks.core.records import Json
from recsys_tasks.evaluation.lists import is_hit, played_of
from recsys_tasks.evaluation.metrics import ndcg
from recsys_tasks.recommenders.factors import Factors

if TYPE_CHECKING:
    from benchmarks.sequence_models import Sequences, Settings

DATED = ("demo world", "amazon-music", "complete-journey")
LOOKS = (2, 4, 6, 9, 13, 19, 28, 40, 60, 90)
"""Epochs after which validation is looked at, until twice in a row it was worse than before."""
CHANGES: dict[str, tuple[Any, ...]] = {
    "half_life": (365.0, 90.0, 30.0, 7.0),
    "dropout": (0.5, 0.1),
    "length": (20, 100),
    "factors": (128, 256),
    "blocks": (2, 3),
}
"""What is tried in place of what serves best so far, one after the other."""
K = 10


@dataclass(frozen=True)
class Asked:
    """The part of a fold that a network is shown, and what it is asked."""

    log: "Sequences"
    rows: Numbers  # of the listeners who are asked
    hidden: sparse.csr_matrix  # (n_rows, n_tracks)

    def ndcg(self, factors: Factors) -> float:
        """Mean nDCG of the lists. factors: of the listeners who are asked, and of all tracks."""
        cells = np.ones(len(self.log.users), np.uint32), (self.log.users, self.log.tracks)
        played = sparse.csr_matrix(cells, shape=(1 + max(self.log.users.max(), self.rows.max()), self.log.n_tracks))
        lists = factors.candidates(np.arange(len(self.rows)), played_of(played[self.rows]), K).cols.astype(np.int64)
        return float(ndcg(is_hit(lists, self.hidden), np.diff(self.hidden.indptr)).mean())


def main() -> None:
    """Write what is missing in the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--folder", type=Path, required=True, help="of sequences and vectors")
    parser.add_argument("--only", nargs="+", choices=DATED, default=DATED, metavar="SET", help="some of them")
    parser.add_argument("--negatives", type=int, default=0, help="tracks in the softmax, drawn for each batch; 0: all")
    parser.add_argument("--seconds", type=float, default=math.inf, help="of the processor; then nothing more is tried")
    args = parser.parse_args()
    for name in args.only:
        sequences, vectors = (file_of(args.folder, name, content) for content in ("sequences", "vectors"))
        if not sequences.exists():
            write_sequences(sequences, SETS[name](args.data))
        if importlib.util.find_spec("torch") is None:
            print(f"{name}: {sequences} is there; PyTorch is not installed, so nothing is trained")
        elif not vectors.exists():
            say = partial(print, f"{name}:", flush=True)
            np.savez_compressed(vectors, **trained(sequences, {"negatives": args.negatives}, args.seconds, say))


def file_of(folder: Path, name: str, content: str) -> Path:
    """Where the sequences of a set are kept, or the vectors."""
    return folder / f"{name.replace(' ', '-')}.{content}.npz"


def write_sequences(place: Path, task: Task) -> None:
    """What the folds learn from are the beginnings of one log: that, and what is asked after each of them."""
    folds = [*task.validation, *task.test]
    found = dict(zip(("users", "tracks", "days"), first_plays(folds[-1]), strict=True))
    found |= {"shape": np.array(folds[-1].training.shape), "validation": np.array(len(task.validation))}
    for number, fold in enumerate(folds):
        found |= {f"rows {number}": fold.rows, f"length {number}": np.array(fold.training.nnz)}
        found[f"hidden {number}"] = np.stack(fold.hidden[fold.rows].nonzero())
    place.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(place, **{name: values.astype(np.int32) for name, values in found.items()})


def first_plays(of: Fold) -> tuple[Numbers, Numbers, Numbers]:
    """User, track and day of the first play of each pair, by day."""
    if of.dated is None:
        raise ValueError("There is no order in plays without dates.")
    users, tracks, days = of.dated
    first = np.sort(np.unique(users * of.training.shape[1] + tracks, return_index=True)[1])
    return users[first], tracks[first], days[first]


def read_sequences(place: Path) -> tuple[list[Asked], list[Asked]]:
    """Folds of validation, and of the test."""
    from benchmarks.sequence_models import Sequences

    known = {name: values.astype(np.int64) for name, values in np.load(place).items()}
    folds, n_tracks = [], int(known["shape"][1])
    for number in range(sum(name.startswith("rows ") for name in known)):
        rows, (listeners, tracks) = known[f"rows {number}"], known[f"hidden {number}"]
        hidden = sparse.csr_matrix((np.ones(len(tracks), np.uint32), (listeners, tracks)), (len(rows), n_tracks))
        log = [known[name][: known[f"length {number}"]] for name in ("users", "tracks", "days")]
        folds.append(Asked(Sequences(*log, n_tracks), rows, hidden))
    return folds[: known["validation"]], folds[known["validation"] :]


def trained(place: Path, fixed: Json, seconds: float, say: Callable[[str], None]) -> Json:
    """Vectors of each fold, by the settings and epochs that serve the last fold of validation best."""
    from benchmarks.sequence_models import DEVICE, Settings

    validation, test = read_sequences(place)
    began, fold = time.process_time(), validation[-1]
    best = looked_at(Settings(**fixed), fold, say)
    for name, value in ((name, value) for name, values in CHANGES.items() for value in values):
        seen = name != "half_life" or value < fold.log.days[-1] - fold.log.days[0]
        if seen and time.process_time() - began < seconds:
            best = max(best, looked_at(replace(best.settings, **{name: value}), fold, say), key=lambda look: look.score)
    say(f"chosen: {best.epochs} epochs of {best.settings}")
    found: Json = {}
    for number, each in enumerate([*validation, *test]):
        factors = best.factors if each is fold else after(best.epochs, best.settings, each)
        found |= {f"listeners {number}": factors.user_factors, f"tracks {number}": factors.item_factors}
    say(f"{time.process_time() - began:.0f} s of the processor, on {DEVICE}")
    return {name: values.astype(np.float16) for name, values in found.items()}


@dataclass(frozen=True)
class Look:
    """What validation says of some settings."""

    settings: "Settings"
    epochs: int
    score: float
    factors: Factors


def looked_at(settings: "Settings", fold: Asked, say: Callable[[str], None]) -> Look:
    """The best look at some settings."""
    from benchmarks.sequence_models import Training

    began, training, scores = time.process_time(), Training(fold.log, settings), dict[int, float]()
    best = Look(settings, 0, 0.0, Factors(*training.vectors(fold.rows)))
    for epochs in LOOKS:
        for _ in range(max(scores, default=0), epochs):
            training.epoch()
        factors = Factors(*training.vectors(fold.rows))
        scores[epochs] = fold.ndcg(factors)
        if scores[epochs] > best.score:
            best = Look(settings, epochs, scores[epochs], factors)
        elif best.epochs not in list(scores)[-2:]:
            break
    seen = ", ".join(f"{epochs}: {score:.4f}" for epochs, score in scores.items())
    say(f"{settings}; nDCG on validation by epochs {seen}; {time.process_time() - began:.0f} s of the processor")
    return best


def after(epochs: int, settings: "Settings", fold: Asked) -> Factors:
    """The vectors of a fold after so many epochs."""
    from benchmarks.sequence_models import Training

    training = Training(fold.log, settings)
    for _ in range(epochs):
        training.epoch()
    return Factors(*training.vectors(fold.rows))


def factors_in(folder: Path, name: str, task: Task) -> tuple[list[Factors], list[Factors]]:
    """The vectors in a folder as components of the folds of validation, and of those of the test."""
    known, found = np.load(file_of(folder, name, "vectors")), []
    for number, fold in enumerate([*task.validation, *task.test]):
        listeners, tracks = (known[f"{of} {number}"].astype(np.float32) for of in ("listeners", "tracks"))
        users = np.zeros((fold.training.shape[0], tracks.shape[1]), np.float32)
        found.append(Factors(users, tracks).with_users(fold.rows, listeners))
    return found[: len(task.validation)], found[len(task.validation) :]


if __name__ == "__main__":
    main()
