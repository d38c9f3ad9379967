"""An auth manager under which somebody may trigger the DAGs that they may not edit, as roles of others allow."""

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

TRIGGERS = "tom"


class TriggerOnly(SimpleAuthManager):
    """Airflow's simple one, but for this one user."""

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        """Airflow's answer; to edit a DAG itself is none of Tom's rights."""
        if user.get_name() == TRIGGERS and method == "PUT" and access_entity is None:
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
