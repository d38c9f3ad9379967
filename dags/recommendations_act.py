"""
# Acts of people

Each run does one thing that a person asked for with a button of the pages: roll back, pin, unpin, release a held candidate,
judge a date again, erase or exclude a listener. So the API server needs to read the store only; the workers, which do all else,
do this too.

| task | does | when it fails |
|---|---|---|
| `act` | what `recsys rollback`, `pin`, `unpin`, `release`, `gate --judge-again`, `erase` and `exclude` do, in the name of whoever triggered the run | **refused**: its words say why; nothing changed. **Killed**: only the release log knows; look at what is live, then ask again |

It is never tried again by itself: the person looks first. `seen` is the newest entry of the release log that they saw, and is
compared by the task that appends: had anything been written since, nothing is done. So a run that waited long for the scheduler,
or that somebody clears, does no harm. Four acts at a time: a rollback does not wait for a candidate that is being finished.

**Who signs** is whoever Airflow says triggered the run; no parameter names anybody. It takes the right to edit
`daily_recommendations`, here as on the pages. A listener is erased or excluded from the page *Try it*, or by command: their id
would stand in this run for ever. **What is live changed**: an event of `live_index` tells of it, as after a publish, so that
`deliver_recommendations` follows at once.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

if (here := str(Path(__file__).parent)) not in sys.path:  # this folder need not be Airflow's folder of DAGs itself
    sys.path.insert(0, here)

from recsys_dag import alerting
from airflow.sdk import DAG, AssetAlias, task
from recsys_dag.acts import asked_of_a_person, done, tell_live
from recsys_dag.defaults import ONE_AT_A_TIME, tried_again
from recsys_dag.services import make_dags, this_service, use_resources

from recsys_tasks.core.services import Service

AT_A_TIME = 4  # acts: one may finish a candidate for minutes, and a rollback goes past it


@task
def act(ti: Any = None, dag_run: Any = None, params: Any = None, outlet_events: Any = None) -> str:
    """In no pool of one slot: a rollback waits for no day that is being computed."""
    service = this_service()
    words, live = done(service, ti, dag_run, params)
    if live:
        tell_live(service, live, outlet_events)
    return words


def recommendations_act(service: Service) -> None:
    """Not paused when Airflow first sees it: it does nothing that nobody asked for."""
    with DAG(
        service.act,
        description="What people ask for on the pages, one act a run",
        doc_md=service.worded(__doc__),
        schedule=None,
        is_paused_upon_creation=False,
        params=asked_of_a_person(),
        default_args=tried_again(0, timedelta(minutes=1), timedelta(minutes=30)),
        on_failure_callback=alerting.tell_what_nobody_told,
        **ONE_AT_A_TIME | {"max_active_runs": AT_A_TIME},
    ) as dag:
        act.override(outlets=[AssetAlias(service.act_events)])()
    use_resources(dag, service)


make_dags(recommendations_act)
