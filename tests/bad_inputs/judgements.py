"""Cases 59 to 64: too little to judge on, a wrong release to go back to, and a wrong place to tell of it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from folding import hiding
from settings import TOML, damage
from sinks import web_sink, webhook
from strategies import play_counts

from bad_inputs.cases import case
from bad_inputs.vocabularies import folded
from recsys_tasks.cli.main import main
from recsys_tasks.core.domain import Verdict, parse_day
from recsys_tasks.core.policy import GateConfig
from recsys_tasks.gate.check import Check
from recsys_tasks.gate.matrix_checks import split_check
from recsys_tasks.gate.verdict import Beside, judge
from recsys_tasks.matrix.split import hold_out, split_day
from recsys_tasks.recommenders.exact_search import exact_top
from recsys_tasks.recommenders.vectors import Played
from recsys_tasks.release.bundles import NAMES, bundle_name, part_name
from recsys_tasks.steps.evaluate import NO_INCUMBENT
from recsys_tasks.steps.released_models import incumbent_of

CHANNELS = Path(__file__).parents[2] / "dags" / "recsys_dag" / "channels.py"
MIN_USERS = GateConfig().min_users
WHO = ["--by", "olga", "--why", "a test"]


def judged(users: int, candidate: float, popular: float, incumbent: float | None = None) -> Verdict:
    """The verdict where every listener has these precisions."""
    values = {"candidate_precision": candidate, "popularity_precision": popular}
    if incumbent is not None:
        values |= {"candidate_common_precision": candidate, "incumbent_common_precision": incumbent}
    per_user = {name: np.full(users, value) for name, value in values.items()}
    beside = Beside("" if incumbent is not None else "none")
    return judge([Check("sound", True, "", "")], per_user, beside, GateConfig())


@case(59, "nobody, or too few, to judge on")
def too_few_listeners():
    """HOLD with the number that is lacking, however good the figures, with an incumbent and without."""
    for users in (0, 1, MIN_USERS - 1):
        for incumbent in (None, 0.01):
            found = judged(users, 0.9, 0.01, incumbent)
            assert found.outcome == "HOLD"
            assert (
                f"only {users} listeners could be scored; a verdict needs {MIN_USERS:,} ([gate] min_users)"
                in found.reasons[0]
            )


@case(60, "nothing to compare with")
def no_baseline(finished, copied):
    """The first release passes alone and says so; where what to compare with is gone, the one before it is taken."""
    first = finished.releases.log().entries[0]
    (judgement,) = finished.judgements.of(first.day)
    assert NO_INCUMBENT in finished.judgements.verdict(judgement).reasons
    assert "pair" not in first.figures
    log = copied.releases.log()
    for entry in reversed(log.entries[:2]):
        assert incumbent_of(copied, log, parse_day("2026-01-15")) == entry
        shutil.rmtree(copied.store.root / bundle_name(entry.candidate))
    assert incumbent_of(copied, log, parse_day("2026-01-15")) is None


@case(61, "equal scores, or not one hit")
def equal_scores():
    """No hit is a BLOCK, a live release without one a HOLD; equal scores are no loss, and lists keep an order."""
    assert judged(MIN_USERS, 0.0, 0.0).outcome == "BLOCK"
    assert judged(MIN_USERS, 0.1, 0.0, 0.0).outcome == "HOLD"
    assert judged(MIN_USERS, 0.1, 0.05, 0.1).outcome == "PASS"
    nothing = Played(np.zeros(2, np.int64), np.zeros(0, np.int64))
    listed = exact_top(np.ones((9, 4), np.float32), np.ones((1, 4), np.float32), nothing, 5)
    assert listed.cols.tolist() == [[0, 1, 2, 3, 4]]


@case(62, "hidden plays that the training knows")
def overlapping_holdout():
    """A track heard before is no hidden play; one that got into the training fails an exact check."""
    days = [{(1, 1): 1, (2, 1): 1}, {(1, 1): 2, (1, 5): 1, (2, 1): 1, (2, 6): 3}]
    matrix, counts = folded(*days), play_counts(days[1])
    split = split_day(matrix, counts, matrix.chain[-1][0], hiding(max_users=2))
    holdout = hold_out(matrix, split)
    hidden = {matrix.tracks.ids[col].as_py() for col in holdout.hidden.indices}
    assert 1 not in hidden
    assert hidden <= {5, 6}
    assert split_check(matrix, split, holdout).passed
    assert not split_check(matrix, split, replace(holdout, training=matrix.counts)).passed


@case(63, "a rollback to what is no earlier release")
def wrong_rollback(copied, tmp_path, capsys):
    """Each is refused with a reason, and the log stays as it is: only a whole, published release can go live again."""
    (tmp_path / "config.toml").write_text(TOML)
    environment = {"RECSYS_ROOT": str(copied.store.root), "RECSYS_CONFIG": str(tmp_path / "config.toml")}
    log = copied.releases.log()

    def answer(target: str) -> tuple[int, str]:
        try:
            code = main(["rollback", target, *WHO], environment)
        except SystemExit as ended:
            code = int(str(ended.code))
        assert copied.releases.log() == log
        return code, capsys.readouterr().err

    for target in ("1e3", "0x10", "1;ls", "%2e%2e%2f", "../1", "10^30", "", log.entries[0].candidate):
        assert answer(target)[0] == 2
    for target in ("0", "-1", "1_0", "\u0661", str(10**30)):
        assert answer(target)[0] == 2
    assert answer("99") == (1, "UnknownId: There is no release 99. `status` lists the releases.\n")
    assert "Release 3 is live already" in answer("3")[1]
    damage(copied.store.root / part_name(log.entries[0].candidate, NAMES) / "names.parquet")
    assert "names.parquet differs" in answer("1")[1]
    shutil.rmtree(copied.store.root / bundle_name(log.entries[1].candidate))
    assert "the files of release 2, is gone: retention keeps" in answer("2")[1]


@case(64, "a webhook that points inside")
def webhook_inside(tmp_path):
    """Link-local addresses in every spelling, files and redirects are refused; nothing of the address is said."""
    hosts = ("2852039166", "0xA9FEA9FE", "[::ffff:169.254.169.254]", "canary:canary@169.254.169.254")
    parts = dict.fromkeys(("host", "login", "password", "schema", "port")) | {"extra": {}, "conn_type": "http"}
    with web_sink() as web:
        connections = {host: parts | {"host": f"http://{host}"} for host in hosts}
        connections |= {"file": parts | {"host": "file:///canary"}, "redirect": parts | webhook(web.port, "302/canary")}
        message = {"key": "k", "subject": "s", "text": "t", "slack": "", "html": "", "mail_to": [], "seconds": 5}
        messages = [message | {"name": name, "connection": each} for name, each in connections.items()]
        done = subprocess.run(
            [sys.executable, "-P", str(CHANNELS)],
            input=json.dumps(messages).encode(),
            capture_output=True,
            env=os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(CHANNELS.parents[2])},
            check=True,
        )
        assert not web.bodies("/followed")
    answers = dict(map(json.loads, done.stdout.splitlines()))
    assert {name: said.rpartition(": ")[2] for name, said in answers.items()} == {  # before it, host and port
        **dict.fromkeys(hosts, "a link-local address"),
        "file": "InvalidSchema",
        "redirect": "status 302",
    }
    assert done.stderr == b""
