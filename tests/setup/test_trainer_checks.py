"""What doctor says of the trainer: what is there, what is missing, and whether a master answers."""

import socket
import sys

import pytest

from recsys_tasks.core.config import parse_config
from recsys_tasks.core.errors import ConfigError
from recsys_tasks.setup import trainer_checks as module
from recsys_tasks.setup.trainer_checks import trainer_checks


def found(backend, **tables):
    """The lines about a configuration that names a backend."""
    source = {"history_start": "2026-01-01"}
    return [
        each.line() for each in trainer_checks(parse_config({"source": source, "als": {"backend": backend}, **tables}))
    ]


@pytest.fixture
def versions(monkeypatch):
    """What this machine has."""
    monkeypatch.setattr(module, "versions_of", lambda _als: {"version": "4.3.0", "java": "17.0.1"})


@pytest.fixture
def nothing(monkeypatch):
    """A machine that has nothing."""

    def versions_of(_als):
        raise ConfigError("It lacks all.")

    monkeypatch.setattr(module, "versions_of", versions_of)


def test_the_default_needs_no_line():
    """Nothing is asked of a machine that trains with implicit."""
    assert found("implicit") == []


def test_what_is_missing_fails(nothing):
    """The sentence is that of the first task."""
    assert found("spark") == ["FAIL  trainer: It lacks all."]


def test_on_other_machines_it_warns(nothing):
    """Where [tasks] sends the training elsewhere, this machine need not have it."""
    (line,) = found("spark", tasks={"train_als": {"queue": "spark"}})
    assert line.startswith("WARN  trainer: [tasks] sends the training to other machines")


def ranked(**tables):
    """The lines about a configuration whose candidates trees put in order."""
    blend = {"components": ["als", "recent"], "joined_by": "ranker"}
    return found("implicit", blend=blend, evaluation={"blend_share": 0.2}, **tables)


def test_the_library_of_the_trees_is_looked_for(monkeypatch):
    """Where trees are asked for, LightGBM is named, or what to install; elsewhere it is not asked about."""
    pytest.importorskip("lightgbm")
    assert ranked()[0].startswith("OK    trees: LightGBM 4")
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert ranked()[0].startswith('FAIL  trees: [blend] joined_by = "ranker" needs LightGBM, which is not installed.')
    assert ranked(tasks={"train_als": {"queue": "large"}})[0].startswith("WARN  trees: [tasks] sends the training")


def test_the_library_of_what_is_on_repeat_is_looked_for(monkeypatch):
    """Where the chance of being played again is asked for, the check names that setting."""
    pytest.importorskip("lightgbm")
    products = {"own_half_life_days": 14.0, "played_again_days": 7}
    assert found("implicit", products=products)[0].startswith("OK    trees of what is on repeat: LightGBM 4")
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    (line,) = found("implicit", products=products)
    assert line.startswith("FAIL  trees of what is on repeat: [products] played_again_days needs LightGBM")


def test_a_master_that_answers(versions):
    """A connection is made, and closed at once; local threads are not asked."""
    assert found("spark") == ["OK    trainer: spark, version 4.3.0, java 17.0.1."]
    with socket.create_server(("127.0.0.1", 0)) as server:
        master = f"spark://127.0.0.1:{server.getsockname()[1]}"
        assert found("spark", spark={"master": master})[1] == f"OK    trainer: master: {master} answers."
    (_, line) = found("spark", spark={"master": master})
    assert line.startswith(f"FAIL  trainer: master: {master} does not answer (")
