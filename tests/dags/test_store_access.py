"""What a worker is told of a store in a bucket: its connection in Airflow, and a root that is the same everywhere."""

import json
from pathlib import Path

import pytest

from recsys_tasks.core.roots import Bucket
from recsys_tasks.core.services import Service

pytestmark = pytest.mark.usefixtures("airflow_home")


@pytest.fixture
def service(monkeypatch):
    """A service whose store the environment says is in a bucket."""
    from recsys_dag.services import own_services

    monkeypatch.setenv("RECSYS_ROOT", "s3://music/recsys/")
    monkeypatch.setenv("RECSYS_CACHE", "/var/cache/recsys")
    return own_services()[0]


def test_the_connection_opens_the_bucket(service, monkeypatch):
    """Login and password are the key and its secret; extras are the client's options; no word of them is shown."""
    from recsys_dag.services import root_with_access

    stored = {"conn_type": "aws", "login": "id", "password": "of nobody", "host": "http://s3:8333"}
    monkeypatch.setenv("AIRFLOW_CONN_RECSYS_STORE", json.dumps({**stored, "extra": {"region": "eu-north-1"}}))
    root = root_with_access(service)
    assert isinstance(root, Bucket)
    assert (root.url, root.cache.folder) == ("s3://music/recsys", Path("/var/cache/recsys"))
    expected = {"access_key_id": "id", "secret_access_key": "of nobody", "endpoint": "http://s3:8333"}
    assert dict(root.options) == {**expected, "region": "eu-north-1"}
    assert "of nobody" not in repr(root)


def test_without_a_connection_the_environment_opens_it(service):
    """Nothing is asked of Airflow but whether there is one; a store on a disk has none at all."""
    from recsys_dag.services import root_with_access

    assert root_with_access(service) == service.root
    assert root_with_access(Service("", None, Path("/store"))) == Path("/store")


def test_a_relative_root_makes_no_dag():
    """Each task would find another store there: said when the DAG is made, not after a day is computed."""
    from recsys_dag.services import problem_of

    assert "absolute path" in problem_of(Service("", None, Path("store")))
    assert problem_of(Service("", None, Path("/store"))) == ""
