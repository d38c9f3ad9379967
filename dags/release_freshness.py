"""
# Is what is live fresh and sound?

Looks every hour, from outside the daily run, which cannot tell that it never ran.

| task | does | when it fails |
|---|---|---|
| `look` | age of the live release (now minus the end of its data day) and, once in `[freshness] verify_every_hours`, every one of its files against its checksum; *skipped* while nothing has been published | the message says what could not be looked at |
| `deliver` | tries once to send what began or ended, and whatever else the outbox still owes; *skipped* when it owes nothing | the outbox cannot be read: look at the store |
| `hand_over` | starts `alert_delivery` for what a channel refused; *skipped* when every channel has what it was owed | |
| `fresh_and_sound` | **red on purpose** while the release is older than `[freshness] max_age_hours` or something is damaged | read its message |

One alert comes when the release becomes stale or damaged, one when it is not any more; the hours between are red and
silent. **Stale**: look at the newest runs of `daily_recommendations`. **Damaged**: restore the file that the message names,
or `recsys rollback N --by --why`. A channel that is down turns `alert_delivery` red, not this DAG.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum

if (here := str(Path(__file__).parent)) not in sys.path:  # this folder need not be Airflow's folder of DAGs itself
    sys.path.insert(0, here)

from recsys_dag import alerting
from airflow.sdk import DAG, CronTriggerTimetable, TriggerRule, task
from recsys_dag.context import own_workplace
from recsys_dag.defaults import ONE_AT_A_TIME, tried_again
from recsys_dag.events import green_or_red, hourly_alerts, seen_or_skip
from recsys_dag.services import make_dags, owed_alerts, this_service, use_resources

from recsys_tasks.core.services import Service


@task
def look() -> dict[str, Any]:
    """What changed lies in the outbox before anything is sent or red."""
    from recsys_tasks import steps

    service = this_service()
    with own_workplace(service) as at:
        seen = steps.look_at_live(at, pendulum.now("UTC"))
        alerting.keep(hourly_alerts(seen, service), service)
    return seen_or_skip(seen)


@task(trigger_rule=TriggerRule.ALL_DONE)
def deliver() -> list[str]:
    """Also what nobody else delivered, because that DAG is paused or an event was lost, and when the look itself failed."""
    return alerting.try_once(this_service())


@task
def hand_over(refused: list[str]) -> list[str]:
    """Its event starts the DAG that delivers, which tries again with patience, and is red while a channel is down."""
    return alerting.hand_over(refused)


@task(retries=0)
def fresh_and_sound(seen: dict[str, Any]) -> None:
    """A leaf beside the delivery, so that a delivered alert turns no red hour green."""
    green_or_red(seen)


def release_freshness(service: Service) -> None:
    """One look an hour; the hours that were missed are of no interest."""
    with DAG(
        service.freshness,
        description="Age and checksums of what is live, and alerts that are still owed",
        doc_md=service.worded(__doc__),
        schedule=CronTriggerTimetable("20 * * * *", timezone="UTC"),
        default_args=tried_again(3, timedelta(minutes=10), timedelta(minutes=30)),
        **ONE_AT_A_TIME,
    ) as dag:
        seen, refused = look(), deliver()
        seen >> refused
        hand_over.override(outlets=[owed_alerts(service)])(refused)
        fresh_and_sound(seen)
    use_resources(dag, service)


make_dags(release_freshness)
