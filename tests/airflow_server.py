"""Airflow's API server with the plugin, in the test's own process: its users, and how they ask."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from settings import TOML

USERS = {
    "vic": "viewer",
    "ulla": "user",
    "olga": "op",
    "ada": "admin",
    "ned": "",
    "tom": "user",
}  # ned may sign in, and read nothing
ACTORS = ("ulla", "olga", "ada", "tom")  # tom only triggers, where an auth manager tells that apart


class Asking:
    """A client that asks as any of the users; None is nobody."""

    def __init__(self, client):
        self.client = client
        self._tokens = {}

    def __call__(self, method, path, user, **options):
        """The answer, redirections not followed; ``options`` go to the client."""
        self.client.cookies.clear()
        headers = options.pop("headers", {})
        if user:
            headers = headers | {"Authorization": f"Bearer {self.token(user)}"}
        return self.client.request(method, path, headers=headers, follow_redirects=False, **options)

    def token(self, user):
        """What a user gets by signing in."""
        if user not in self._tokens:
            said = self.client.post("/auth/token", json={"username": user, "password": "x"})
            self._tokens[user] = said.json()["access_token"]
        return self._tokens[user]


@contextmanager
def served(airflow_home, root, folder) -> Iterator[Asking]:
    """The server over a store; ``folder`` takes its configuration."""
    patch = pytest.MonkeyPatch()
    (airflow_home / "passwords.json").write_text(json.dumps(dict.fromkeys(USERS, "x")))
    (folder / "recsys.toml").write_text(TOML)
    patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(airflow_home / "passwords.json"))
    patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{u}:{role}" for u, role in USERS.items()))
    patch.setenv("RECSYS_ROOT", str(root))
    patch.setenv("RECSYS_CONFIG", str(folder / "recsys.toml"))
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    try:
        with TestClient(create_app(apps="core")) as client:
            yield Asking(client)
    finally:
        patch.undo()
