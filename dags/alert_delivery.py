"""
# Delivering alerts

Sends what waits in the store's outbox (`alerts/`) through every connection of `[alert] connections`, each alert once.
Events of the asset `owed_alerts` start it: a day's run has something to tell, or the hourly `release_freshness` found that
a channel still lacks something. So a channel that is down keeps no day waiting: this DAG is red, and nothing else.

| task | does | when it fails |
|---|---|---|
| `deliver` | sends all that is owed, oldest first; *skipped* when everything was delivered meanwhile | **a channel is down**: the message names connection, host, port and what went wrong there. Mend it, or take the connection out of `[alert] connections` |

It tries for about half an hour, first after 30 seconds, then every two minutes, because whatever came in meanwhile goes out
with the next try, also to the channels that are well. Then the run is red, and `release_freshness` starts another one within
the hour, as long as anything is owed. One run at a time: events during a run together make one run after it. To try at once,
trigger it.
"""

import sys
from datetime import timedelta
from pathlib import Path

if (here := str(Path(__file__).parent)) not in sys.path:  # this folder need not be Airflow's folder of DAGs itself
    sys.path.insert(0, here)

from recsys_dag import alerting
from airflow.sdk import DAG, task
from recsys_dag.defaults import ONE_AT_A_TIME, tried_again
from recsys_dag.services import make_dags, owed_alerts, this_service, use_resources

from recsys_tasks.core.services import Service


@task
def deliver() -> list[str]:
    """Everything that is owed, whichever event this run is for."""
    return alerting.deliver(this_service())


def alert_delivery(service: Service) -> None:
    """Not paused when Airflow first sees it: it does nothing unless something is owed, and nobody misses it until then."""
    with DAG(
        service.delivery,
        description="Alerts to the channels that are owed them",
        doc_md=service.worded(__doc__),
        schedule=[owed_alerts(service)],
        is_paused_upon_creation=False,
        default_args=tried_again(15, timedelta(minutes=2), timedelta(minutes=30)),
        **ONE_AT_A_TIME,
    ) as dag:
        deliver()
    use_resources(dag, service)


make_dags(alert_delivery)
