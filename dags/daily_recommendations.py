"""
# Daily recommendations

Turns one day of streams (a UTC date, unless `[schedule]` names a zone and an hour) into an index of recommendations, and puts it live only if it is good enough.

| task | does | when it fails |
|---|---|---|
| `wait_for_day` | waits until the day is complete: grace period over, and later streams of five listeners seen or the longest wait over | the source cannot be asked: look at the database |
| `extract_streams` | stores the day's play counts and catalogue, fills missing dates, extracts the late window again | the message names the table, column or date |
| `check_data` | looks at the day's volume, listeners, tracks, dropped rows, repeats and bots before anything is trained on them | the day is quarantined (below): mend the source and clear from `extract_streams` on; or trigger with `accept_data` and a reason |
| `increment_matrix` | folds the new partitions onto the newest stored matrix, and chooses whose plays are hidden | a stored file is damaged: the message names it |
| `train_als` | weighted ALS without the hidden plays, from yesterday's factors | run again with `cold_start` |
| `build_index` | Annoy index, search parameters chosen for the recall target | no track has a factor |
| `evaluate` | precision@k on hidden streams, beside the live release and the popular tracks | a bundle is damaged |
| `gate` | PASS, HOLD or BLOCK with reasons; **red on purpose** when it says no, never retried | read the reasons; then mend the data and clear from `extract_streams` on, judge it again by another policy, or release it by name |
| `publish` | one immutable release, one entry in the log; *skipped* when there is nothing to publish or a pin holds | the live release stays |
| `report` | one HTML page about the verdict, behind the button *Report*; *skipped* when nothing was judged | nothing else waits for it |
| `alert` | stores what has to be told of a HOLD or BLOCK, a slow decline, a failure before the gate, and starts `alert_delivery`; *skipped* when there is nothing to tell | the store takes no file: look at its disk |
| `retention` | removes what nobody needs any more, and whoever asked to be forgotten; never decides the colour of the run | red: `recsys erasures` says who waits |

`publish_older` and `accept_data` are a person's word: they take the right to edit this DAG, and a run triggered by hand.

**One date again**: Trigger, fill in `day`; or Trigger, Backfill, for a range. A rerun of an unchanged day is a no-op. An
older date never replaces a newer release, unless `publish_older` says why; it is then pinned, as a rollback is. After a
restated date the next run folds the later ones again; `rebuild_through` does so at once. **Something bad is live**: `recsys rollback N --by --why`; it
pins, and scheduled runs publish nothing until `unpin`. **No streams that day, truly**: trigger with `allow_empty_day`.

**Quarantine.** A day that `check_data` stops, or whose precision collapses at the gate, counts as an empty one: the later
days run without its plays, and say so. To end it, mend the source and clear the run from `extract_streams` on (`check_data`
alone would look at the same streams again), or widen the bounds in `[quality]`, or trigger that very day with `accept_data`
and a reason. Then the next run folds the later days again.

**Alerts** lie in the store's `alerts/` before they are sent, and each connection of `[alert] connections` gets each of them
once. `alert_delivery` sends them, so that a channel that is down keeps no run of this DAG waiting, and `release_freshness`
looks every hour whether one is still owed. A connection that is taken out of the list is owed nothing more.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum

if (here := str(Path(__file__).parent)) not in sys.path:  # this folder need not be Airflow's folder of DAGs itself
    sys.path.insert(0, here)

from recsys_dag import alerting
from airflow.sdk import DAG, Param, PokeReturnValue, TriggerRule, task
from recsys_dag.context import task_run
from recsys_dag.defaults import ONE_AT_A_TIME, tried_again
from recsys_dag.events import judgement_of, pass_or_fail, run_alerts, tell_or_skip
from recsys_dag.services import live_index, make_dags, owed_alerts, schedule_of, this_service, use_resources
from recsys_links import LiveIndexLink, ReportLink, VerdictLink

from recsys_tasks.core.services import Service
from recsys_tasks.core.typed_text import LONGEST_REASON

PATIENT = 8  # retries of what asks the source: about three quarters of an hour, the length of a failover
BOOTSTRAP = timedelta(hours=12)  # a first run on an old service reads and folds its whole history
ANY_POOL = "default_pool"  # for what does not work on the store; the others share the service's pool of one slot


@task.sensor(
    pool=ANY_POOL, mode="reschedule", poke_interval=300, timeout=timedelta(days=2).total_seconds(), retries=PATIENT
)
def wait_for_day() -> PokeReturnValue:
    """Rescheduled, so that waiting holds no slot."""
    from recsys_tasks.steps import source_is_complete

    with task_run("wait_for_day", with_source=True) as run:
        return PokeReturnValue(is_done=source_is_complete(run.at, run.day, pendulum.now("UTC")))


@task(retries=PATIENT, execution_timeout=BOOTSTRAP)
def extract_streams() -> dict[str, Any]:
    """Missing dates, the late window and the day itself: one path for a first run, a hole and a backfill."""
    from recsys_tasks import steps

    with task_run("extract_streams", with_source=True) as run:
        return run.keep(steps.extract_streams(run.at, run.day, run.params["allow_empty_day"], pendulum.now("UTC")))


@task
def check_data(extracted: dict[str, Any]) -> dict[str, Any]:
    """Before anything is made of the streams: what a wrong day taught a model is hard to take back."""
    from recsys_tasks import steps

    with task_run("check_data") as run:
        return run.keep(steps.check_data(run.at, run.day, run.signature, run.params["accept_data"] or ""))


@task(execution_timeout=BOOTSTRAP)
def increment_matrix(checked: dict[str, Any]) -> dict[str, Any]:
    """One merge on an ordinary day; from the restated date on after a restatement."""
    from recsys_tasks import steps

    with task_run("increment_matrix") as run:
        return run.keep(steps.increment_matrix(run.at, run.day, run.params["rebuild_through"]))


@task
def train_als(matrix: dict[str, Any]) -> dict[str, Any]:
    """Hidden plays are left out, so that the evaluation asks what the model cannot know."""
    from recsys_tasks import steps

    with task_run("train_als") as run:
        return run.keep(steps.train_als(run.at, run.day, matrix["split"], run.params["cold_start"]))


@task
def build_index(model: dict[str, Any]) -> dict[str, Any]:
    """The recall is measured here, on users that the search parameters were not chosen on."""
    from recsys_tasks import steps

    with task_run("build_index") as run:
        return run.keep(steps.build_index(run.at, run.day, model["model"]))


@task
def evaluate(candidate: dict[str, Any]) -> dict[str, Any]:
    """Through the built index, as a reader would ask it."""
    from recsys_tasks import steps

    with task_run("evaluate") as run:
        return run.keep(steps.evaluate(run.at, run.day, candidate["candidate"]))


@task(multiple_outputs=False)
def gate(evaluation: dict[str, Any], ti: Any = None) -> dict[str, Any]:
    """A failed task, not a skipped one: the run must be red, and a retry would say the same."""
    from recsys_tasks import steps

    with task_run("gate") as run:
        verdict = run.keep(steps.gate(run.at, run.day, evaluation["judgement"]))
    return pass_or_fail(verdict, ti)


@task
def publish(verdict: dict[str, Any], outlet_events: Any = None) -> dict[str, Any]:
    """Skipped, and no event of the asset, when what is live does not change."""
    from recsys_tasks import steps

    with task_run("publish") as run:
        older = run.params["publish_older"] or ""
        outcome = run.keep(steps.publish(run.at, run.day, verdict["candidate"], run.signature, older))
    return tell_or_skip(outcome, outlet_events[live_index(run.service)])


@task
def report(ti: Any = None) -> dict[str, Any]:
    """A teardown: it tells what became of the day, and a page that cannot be drawn keeps nothing from going live."""
    from recsys_tasks import steps

    judgement = judgement_of(ti)
    with task_run("report") as run:
        return run.keep(steps.write_report(run.at, run.day, judgement))


@task(pool=ANY_POOL, trigger_rule=TriggerRule.ALL_DONE)
def alert(ti: Any = None, dag_run: Any = None) -> list[str]:
    """Stores, and asks nobody outside: a channel that is down must not keep the day, and the next one, waiting.

    Needs no table of the configuration but ``[alert]``: a slip in another one is what it has to tell of.
    """
    service = this_service()
    return alerting.keep_or_skip(run_alerts(ti, dag_run, service), service)


@task
def retention() -> dict[str, Any]:
    """A teardown: it tidies up after good and bad runs, and never decides their colour."""
    from recsys_tasks import steps

    with task_run("retention") as run:
        return run.keep(steps.retain(run.at, pendulum.now("UTC")))


def asked() -> dict[str, Param]:
    """What a person may ask of a run; each DAG has its own, because a run that is tried in a test writes into them."""
    word = {"default": None, "type": ["null", "string"]}
    reason = word | {"maxLength": LONGEST_REASON}
    return {
        "day": Param(
            **word,
            format="date",
            description="Date, of UTC unless [schedule] names a zone; empty: the run's own",
        ),
        "cold_start": Param(False, type="boolean", description="Train from drawn factors although yesterday's exist"),
        "allow_empty_day": Param(False, type="boolean", description="A date without streams is an empty partition"),
        "rebuild_through": Param(False, type="boolean", description="Also fold the later dates of a restated one now"),
        "publish_older": Param(
            **reason, description="Why this date goes live although newer data are; it is then pinned"
        ),
        "accept_data": Param(**reason, description="Why streams are right that check_data refuses"),
    }


def daily_recommendations(service: Service) -> None:
    """One run a day, one at a time, never one for the days that were missed: extraction fills those."""
    with DAG(
        service.daily,
        description="Streams of a day to a gated, versioned Annoy index",
        doc_md=service.worded(__doc__),
        schedule=schedule_of(service),
        on_failure_callback=alerting.tell_what_nobody_told,
        params=asked(),
        default_args=tried_again(3, timedelta(minutes=10), timedelta(hours=2)) | {"pool": service.pool},
        **ONE_AT_A_TIME,
    ) as dag:
        extracted = extract_streams()
        verdict = gate(evaluate(build_index(train_als(increment_matrix(check_data(extracted))))))
        published = publish.override(outlets=[live_index(service)])(verdict)
        wait_for_day() >> extracted
        verdict >> alert.override(outlets=[owed_alerts(service)])()
        published >> [report().as_teardown(), retention().as_teardown()]
        verdict.operator.operator_extra_links = (ReportLink(), VerdictLink())
        published.operator.operator_extra_links = (ReportLink(), VerdictLink(), LiveIndexLink())
    use_resources(dag, service)


make_dags(daily_recommendations)
