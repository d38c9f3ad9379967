"""Train on the day without its hidden plays, from yesterday's factors where they may be used."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.core.config import EvaluationConfig
from recsys_tasks.core.digests import digest_of
from recsys_tasks.core.domain import Day, Factors, IntArray, PlayMatrix
from recsys_tasks.matrix.holdout import Holdout, hidden_users, hold_out
from recsys_tasks.matrix.play_matrix import EPOCH, chain_digests
from recsys_tasks.recommenders.als import VERSION, cold_factors, train, warm_factors
from recsys_tasks.release.releases import read_log
from recsys_tasks.steps.remaining import Remaining
from recsys_tasks.steps.workplace import Reference, Workplace
from recsys_tasks.storage.artefacts import read_manifest, save_artefact


def train_als(at: Workplace, day: Day, matrix_digest: str, cold_start: bool = False) -> Reference:
    """Store the factors of a matrix.

    Args:
        at: store and configuration.
        day: newest date of the matrix.
        matrix_digest: of the chain it was folded from.
        cold_start: begin from drawn factors although yesterday's could be used.

    Returns:
        The day and the model's digest, which covers the matrix, the hidden users, the parent and the parameters.

    Raises:
        BadData: nothing to train on, or the factors become infinite.
        CorruptArtefact: the matrix or the parent differs from its manifest.
    """
    wanted = {
        "day": day.isoformat(),
        "matrix": matrix_digest,
        "hidden": at.config.evaluation.model_dump(exclude={"k"}),
        "als": at.config.als.model_dump(exclude={"threads"}),
        "training": VERSION,
    }
    digest = None if cold_start else _stored(at, day, wanted)
    if digest is not None:
        at.progress(f"the model of {day} is stored already")
    else:
        digest = _trained(at, day, wanted, cold_start)
    figures = read_manifest(at.store.model_path(day, digest))["figures"]
    begun = "yesterday's factors" if figures["warm"] else "a cold start"
    at.progress(f"model of {day}: iterations: {figures['iterations']}, from {begun}, loss {figures['losses'][-1]:.6g}")
    return {"day": day.isoformat(), "model": digest, "iterations": figures["iterations"], "warm": figures["warm"]}


def _stored(at: Workplace, day: Day, wanted: Mapping[str, Any]) -> str | None:
    """Digest of a model of the same matrix, hidden users and parameters, the published one first: a rerun finds it.

    Its parent may be gone by now, or there may be a better one; that is no reason to train the same day again.
    """
    digests = [
        manifest["digest"]
        for manifest in at.store.models_of(day)
        if {name: manifest["key"].get(name) for name in wanted} == wanted
    ]
    return next((digest for digest in _published_models(at) if digest in digests), min(digests, default=None))


def _published_models(at: Workplace) -> list[str]:
    """Digests of the models of all releases whose bundle is still there, newest first."""
    entries = reversed(read_log(at.store).entries)
    gated = [at.store.bundle_path(entry.candidate) / "gated" for entry in entries]
    return [read_manifest(path)["key"]["model"] for path in gated if path.is_dir()]


def _trained(at: Workplace, day: Day, wanted: Mapping[str, Any], cold_start: bool) -> str:
    """Train and store; the digest."""
    matrix = at.store.load_matrix(day, wanted["matrix"])
    parent = None if cold_start or _is_cold_date(at, day) else _parent(at, day, matrix)
    key = {**wanted, "parent": parent}
    digest = digest_of("model", key)
    path = at.store.model_path(day, digest)
    if not path.is_dir():
        with ThreadPoolExecutor(1) as beside:
            start = beside.submit(_start, at, day, parent, matrix)
            training = holdout_of(at, key, matrix).training
        trained = train(training, start.result(), parent is not None, at.config.als, _told(at))
        files = {"user_factors": trained.factors.user_factors, "item_factors": trained.factors.item_factors}
        figures = {"losses": trained.losses, "iterations": len(trained.losses), "warm": trained.warm}
        save_artefact(at.store.root, path, digest, key, files, figures)
    return digest


def _told(at: Workplace) -> Callable[[int, float], None]:
    """Says after each iteration how far the training is."""
    remaining = Remaining(at.config.als.max_iterations)
    return lambda done, loss: at.progress(f"iteration {remaining.after(done)} at the most: loss {loss:.6g}")


def holdout_of(at: Workplace, model_key: Mapping[str, Any], matrix: PlayMatrix) -> Holdout:
    """The split that a model was trained with: by its own parameters and the partition in its matrix's chain.

    Today's configuration, or a partition that was restated since, would hide other users than those left out then.
    """
    day, partition = matrix.chain[-1]
    config = EvaluationConfig(**model_key["hidden"])
    return hold_out(matrix, at.store.load_partition(day, partition), day, config)


def hidden_rows_of(model_key: Mapping[str, Any], matrix: PlayMatrix, listeners: IntArray) -> npt.NDArray[np.int64]:
    """Rows of the users that this split hides, without the split. (n_hidden,).

    listeners: rows of those who played anything on the matrix's newest date, rising.
    """
    return hidden_users(matrix, listeners, matrix.chain[-1][0], EvaluationConfig(**model_key["hidden"]))


def _is_cold_date(at: Workplace, day: Day) -> bool:
    every = at.config.als.cold_start_every_days
    return every > 0 and (day - EPOCH).days % every == 0


def _parent(at: Workplace, day: Day, matrix: PlayMatrix) -> str | None:
    """Digest of yesterday's model, if its matrix is a prefix of ours, its parameters ours, and it was not blocked."""
    if len(matrix.chain) < 2:
        return None
    prefix = chain_digests(matrix.chain)[-2]
    yesterday = day - timedelta(days=1)
    parameters = at.config.als.model_dump(exclude={"threads"})
    blocked = {
        read_manifest(path / "figures")["key"]["model"]
        for path in at.store.evaluations_of(yesterday)
        if (path / "verdict").is_dir() and read_manifest(path / "verdict")["figures"]["outcome"] == "BLOCK"
    }
    digests = [
        manifest["digest"]
        for manifest in at.store.models_of(yesterday)
        if manifest["key"]["matrix"] == prefix and manifest["key"]["als"] == parameters
    ]
    sound = [digest for digest in digests if digest not in blocked]
    return next((digest for digest in _published_models(at) if digest in sound), min(sound, default=None))


def _start(at: Workplace, day: Day, parent: str | None, matrix: PlayMatrix) -> Factors:
    """The parent's factors in today's rows, or drawn ones where there is no parent."""
    if parent is None:
        return cold_factors(matrix.users, matrix.tracks, at.config.als)
    yesterday = day - timedelta(days=1)
    factors, artefact = at.store.load_model(yesterday, parent)
    users, tracks = at.store.load_vocabularies(yesterday, artefact.manifest["key"]["matrix"])
    return warm_factors(factors, users, tracks, matrix.users, matrix.tracks)
