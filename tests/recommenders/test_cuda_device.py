"""The backend of a CUDA device, on a real one; skipped where there is none that it could train on."""

from contextlib import nullcontext

import numpy as np
import pytest
from small_plays import random_plays, vocabulary

from benchmarks.our_steps import policy, works
from benchmarks.synthetic import save_days, service_of
from recsys_tasks.core.config import AlsConfig
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.recommenders.als import Als
from recsys_tasks.recommenders.factors import cold_factors
from recsys_tasks.steps import Workplace
from recsys_tasks.steps.cuda import device_versions
from recsys_tasks.steps.trainers import trainer_of
from recsys_tasks.storage.posix import PosixStore

SHAPE = (3_000, 700)
PLAYS = random_plays(*SHAPE)
CONFIG = AlsConfig(backend="implicit-gpu", factors=40, regularization=3.0, max_iterations=4, tolerance=1e-9, threads=1)
SERVICE, DAYS = service_of(200, 6), (4, 5)


@pytest.fixture(scope="module", autouse=True)
def versions():
    """Those of the device's libraries."""
    try:
        return device_versions()
    except ConfigError as error:
        pytest.skip(str(error))


def fitted(config, start=None, backend=True, slice_pairs=1 << 26):
    """Training from some factors, on the device or on the processor."""
    als = Als(config, backend=trainer_of(_with(config), nullcontext) if backend else None, slice_pairs=slice_pairs)
    cold = cold_factors(*map(vocabulary, SHAPE), config.factors, config.seed)
    return als.alternate(PLAYS, start or cold, warm=start is not None)


def _with(als):
    return SERVICE.config(als=als.model_dump())


def digits(figures):
    """Losses as a log shows them."""
    return [f"{loss:.6g}" for loss in figures.losses]


def raw(fit):
    """The bytes of both sides."""
    return fit.component.user_factors.tobytes(), fit.component.item_factors.tobytes()


@pytest.mark.parametrize("factors", [1, 31, 32, 33, 40, 64, 100, 256, 512])
def test_any_number_of_factors_has_the_losses_of_the_processor(factors):
    """Cold and then warm, to six digits; and the factors lie close together."""
    config = CONFIG.model_copy(update={"factors": factors})
    device, processor = fitted(config), fitted(config, backend=False)
    assert digits(device.figures) == digits(processor.figures)
    assert np.allclose(device.component.item_factors, processor.component.item_factors, atol=1e-3)
    again = [fitted(config, device.component, backend) for backend in (True, False)]
    assert digits(again[0].figures) == digits(again[1].figures)


def test_the_same_input_gives_the_same_bytes():
    """Twice in one process, whole or in slices."""
    once = raw(fitted(CONFIG))
    assert raw(fitted(CONFIG)) == once
    assert raw(fitted(CONFIG, slice_pairs=20_000)) == once


def test_days_with_their_models_found_by_key(tmp_path, versions):
    """A cold day and a warm one by the steps themselves, judged, with the losses of the default backend; a rerun finds
    the model, which names backend and versions."""
    told, figures = [], {}
    for backend in ("implicit-gpu", "implicit"):
        at = Workplace(PosixStore(tmp_path / backend), policy(SERVICE, {"als": {"backend": backend}}), "", told.append)
        save_days(at.store, SERVICE, range(max(DAYS) + 1))
        for number in DAYS:
            day, done = SERVICE.day(number), {}
            for step in ("increment_matrix", "train_als", "build_index", "evaluate"):
                done[step] = works(at, day, done)[step]()
            (model,) = at.models.of(day)
            figures[backend, number] = at.models.figures(day, model.digest)
            assert model.key.backend["name"] == backend
            told.clear()
            assert works(at, day, done)["train_als"]().model == model.digest
            assert told[0] == f"the model of {day} is stored already"
        assert [figures[backend, number].warm for number in DAYS] == [False, True]
        if backend == "implicit-gpu":
            assert model.key.backend == {"name": backend, **versions}
    for number in DAYS:
        assert digits(figures["implicit-gpu", number]) == digits(figures["implicit", number])
