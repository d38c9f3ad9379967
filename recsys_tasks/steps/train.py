"""Train on the day without its hidden plays, from yesterday's factors where they may be used."""

from datetime import timedelta

from recsys_tasks.als import cold_factors, train, warm_factors
from recsys_tasks.artefacts import read_manifest, save_artefact
from recsys_tasks.digests import digest_of
from recsys_tasks.domain import Day, Factors, PlayMatrix
from recsys_tasks.holdout import Holdout, hold_out
from recsys_tasks.play_matrix import EPOCH, chain_digests
from recsys_tasks.steps.workplace import Reference, Workplace


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
    matrix = at.store.load_matrix(day, matrix_digest)
    parent = None if cold_start or _is_cold_date(at, day) else _parent(at, day, matrix)
    key = {
        "day": day.isoformat(),
        "matrix": matrix_digest,
        "hidden": at.config.evaluation.model_dump(exclude={"k"}),
        "parent": parent,
        "als": at.config.als.model_dump(exclude={"threads"}),
    }
    digest = digest_of("model", key)
    path = at.store.model_path(day, digest)
    if path.is_dir():
        at.progress(f"the model of {day} is stored already")
    else:
        holdout = hold_out(matrix, at.store.load_partition(day)[0], day, at.config.evaluation)
        start = cold_factors(matrix.users, matrix.tracks, at.config.als)
        if parent is not None:
            start = _warm(at, day - timedelta(days=1), parent, matrix)
        trained = train(holdout.training, start, parent is not None, at.config.als, at.progress)
        files = {"user_factors": trained.factors.user_factors, "item_factors": trained.factors.item_factors}
        figures = {"losses": trained.losses, "iterations": len(trained.losses), "warm": trained.warm}
        save_artefact(at.store.root, path, digest, key, files, figures)
    figures = read_manifest(path)["figures"]
    begun = "yesterday's factors" if figures["warm"] else "a cold start"
    at.progress(f"model of {day}: {figures['iterations']} iterations from {begun}, loss {figures['losses'][-1]:.6f}")
    return {"day": day.isoformat(), "model": digest, "iterations": figures["iterations"], "warm": figures["warm"]}


def holdout_of(at: Workplace, day: Day, matrix: PlayMatrix) -> Holdout:
    """The split that a day's model was trained with."""
    return hold_out(matrix, at.store.load_partition(day)[0], day, at.config.evaluation)


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
    return next((digest for digest in sorted(digests) if digest not in blocked), None)


def _warm(at: Workplace, yesterday: Day, parent: str, matrix: PlayMatrix) -> Factors:
    factors, artefact = at.store.load_model(yesterday, parent)
    users, tracks = at.store.load_vocabularies(yesterday, artefact.manifest["key"]["matrix"])
    return warm_factors(factors, users, tracks, matrix.users, matrix.tracks)
