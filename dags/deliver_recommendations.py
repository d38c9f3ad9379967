"""
# Delivering recommendations

Makes the products that `[deliver] products` names, for everybody, from the release that is live, and puts them where
applications read them. Events of the asset `live_index` start it. It also looks at the 50th minute of every hour, and then
does nothing unless what is live was not delivered yet: a rollback at the command line makes no event, somebody asked to
be forgotten, or the sink was down for longer than the tasks try.

| task | does | when it fails |
|---|---|---|
| `make_lists` | the lists of all listeners, in batches, as Parquet files in the store's `deliveries/`; found, not made again, where they are stored | the message names the file of the release, or the disk |
| `load_sink` | fills new tables in the Postgres of the connection `recsys_sink`, and swaps them in, all in one transaction; *skipped* when nothing is new | **the sink is down, full or locked**: it is tried again for an hour, then by the next hour's run. **It refuses**: the message names the table or the right |

Whatever is killed leaves the tables as they were. A delivery never replaces a newer one; after a rollback what is live again is
delivered as the newest. Without the connection `recsys_sink` (or `RECSYS_SINK_DSN`) the products lie in the store alone.

**To fill the tables again** although they hold this delivery, because somebody changed them: trigger with `again`.
**To see what went where**: the page *Deliveries*, or `recsys deliveries`. docs/deliveries.md shows how to read the tables.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

if (here := str(Path(__file__).parent)) not in sys.path:  # this folder need not be Airflow's folder of DAGs itself
    sys.path.insert(0, here)

from recsys_dag import alerting
from airflow.sdk import DAG, Param, task
from airflow.timetables.assets import AssetOrTimeSchedule  # as the SDK has none, with a timetable of its own kind
from airflow.timetables.trigger import CronTriggerTimetable
from recsys_dag.context import delivering, sink_address
from recsys_dag.defaults import ONE_AT_A_TIME, tried_again
from recsys_dag.events import delivered_or_skip
from recsys_dag.services import (
    delivered,
    delivers,
    live_index,
    make_dags,
    use_resources,
)

from recsys_tasks.core.services import Service

ANY_POOL = "default_pool"  # the sink may take its time: no day's run shall wait for it


@task
def make_lists() -> dict[str, Any]:
    """In the pool of the store: retention removes nothing meanwhile that the lists are made of."""
    from recsys_tasks.steps.deliver import make_delivery

    with delivering() as (_, at, signature):
        return make_delivery(at, signature).to_json()


@task(pool=ANY_POOL)
def load_sink(made: dict[str, Any], outlet_events: Any = None, params: Any = None) -> dict[str, Any]:
    """One transaction, so that a retry begins anew."""
    from recsys_tasks.steps.deliver import load_delivery

    with delivering() as (service, at, signature):
        outcome = load_delivery(at, made, sink_address(service), signature, again=params["again"]).to_json()
    return delivered_or_skip(outcome, outlet_events[delivered(service)])


def deliver_recommendations(service: Service) -> None:
    """Only where products are configured: who has none sees no DAG, and an ordinary day does not grow."""
    if not delivers(service):
        return
    with DAG(
        service.deliver,
        description="Products of the live release to the store and the sink",
        doc_md=service.worded(__doc__),
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("50 * * * *", timezone="UTC"), assets=[live_index(service)]
        ),
        on_failure_callback=alerting.tell_what_nobody_told,
        params={"again": Param(False, type="boolean", description="Fill the tables although they hold this delivery")},
        default_args=tried_again(8, timedelta(minutes=15), timedelta(hours=3)) | {"pool": service.pool},
        **ONE_AT_A_TIME,
    ) as dag:
        load_sink.override(outlets=[delivered(service)])(make_lists())
    use_resources(dag, service)


make_dags(deliver_recommendations)
