"""No DAG: where Airflow shows, as this file's import error, which of several services have none, and why.

An error in the files that make the DAGs would keep the other services from being scheduled.
"""

import sys
from pathlib import Path

if (here := str(Path(__file__).parent)) not in sys.path:  # this folder need not be Airflow's folder of DAGs itself
    sys.path.insert(0, here)

from recsys_dag.services import config_path, own_services, problem_of

from recsys_tasks.core.errors import ConfigError

EVERY = own_services()
PROBLEMS = [problem for service in EVERY if (problem := problem_of(service))]

if not EVERY:
    raise ConfigError(f"{config_path()} holds no *.toml, so there is no service. Put one there for each.")
if PROBLEMS and len(EVERY) > 1:  # the only one is refused in its own file
    raise ConfigError(" ".join(PROBLEMS))
