"""What the gate says of recorded days: sound ones, losses, slow drift, damaged days, and planted accounts.

    python -m benchmarks.gate_calibration.judged_days FOLDER --listeners N [--chains 300] [--min-users M]

FOLDER holds what ``recorded_days`` (and ``damaged_days``) wrote of one world. Every chain draws N listeners anew on
each day, with a seed of its own. Losses begin on a day that is drawn from those with four weeks before and two after.
Intervals are the exact 95 % ones of Clopper and Pearson; chains of one world share its models, which no interval knows.
"""

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.gate_calibration.chains import RecordedDay, chain, judged_day, past_of
from benchmarks.gate_calibration.comparisons import Rate
from benchmarks.gate_calibration.tables import percent, rated, table
from recsys_tasks.core.domain import Verdict
from recsys_tasks.core.policy import DriftConfig, GateConfig
from recsys_tasks.gate.drift import drift
from recsys_tasks.gate.past import PastDay

LOSSES = ((0.3, 1), (0.1, 3), (0.05, 14))
"""A loss, and the days within which it is to be stopped."""
DRIFT_A_DAY, DRIFT_DAYS, DRIFT_BEGINS = 0.002, 40, 14
BEFORE, AFTER = 28, 14
CLEAN = re.compile(r"day-(\d+)\.npz")
CHANGED = re.compile(r"day-(\d+)-(.+)\.npz")


def main() -> None:
    """Print the tables of one world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--listeners", type=int, default=1_400, metavar="N")
    parser.add_argument("--chains", type=int, default=300)
    parser.add_argument("--min-users", type=int, default=1_000, metavar="M")
    options = parser.parse_args()
    policy = GateConfig(min_users=options.min_users)
    days = clean_days(options.folder)
    print(
        f"{options.folder.name}: {len(days)} days, {options.listeners:,} listeners, {options.chains} chains", flush=True
    )
    sound = [chain(days, options.listeners, policy, lambda _day: 0.0, _rng(seed)) for seed in range(options.chains)]
    print(table(SOUND, [sound_row(sound, days)]), flush=True)
    rows = [loss_row(days, options.listeners, policy, *loss, options.chains) for loss in LOSSES]
    print(table(LOSS, rows), flush=True)
    if len(days) >= DRIFT_BEGINS + DRIFT_DAYS:
        print(table(DRIFT, [drift_row(days, options.listeners, policy, options.chains, sound)]), flush=True)
    print(table(PLANTED, list(changed_rows(options.folder, days, options, policy))), flush=True)


def clean_days(folder: Path) -> list[RecordedDay]:
    """The recorded days of a world, in order."""
    return [RecordedDay.load(path) for path in sorted(folder.iterdir()) if CLEAN.fullmatch(path.name)]


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 5])


SOUND = ("days judged", "stopped", "a year", "a year without cold starts", "by")


def sound_row(chains: Sequence[Sequence[Verdict]], days: Sequence[RecordedDay]) -> list[str]:
    """How often sound candidates are stopped; days of a cold start, and the week after, once apart."""
    cold = {number for number, day in enumerate(days) if not day.warm}
    late = {number + later for number in cold for later in range(8)}
    verdicts = [(number, verdict) for each in chains for number, verdict in enumerate(each)]
    stopped = [(number, verdict) for number, verdict in verdicts if not verdict.passed]
    warm = [number for number, _ in verdicts if number not in late]
    rate, rest = Rate(len(stopped), len(verdicts)), Rate(sum(n not in late for n, _ in stopped), max(1, len(warm)))
    by = Counter(verdict.figures["rule"] for _, verdict in stopped)
    shown = [f"{365 * each.share:.1f} ({365 * each.low:.1f} to {365 * each.high:.1f})" for each in (rate, rest)]
    return [f"{len(verdicts):,}", percent(rate.share, 2), *shown, _counted(by)]


LOSS = ("loss", "stopped on the day", "within 3 days", "within 7", "within 14", "asked")


def loss_row(
    days: Sequence[RecordedDay], n: int, policy: GateConfig, loss: float, within: int, chains: int
) -> list[str]:
    """On which day a loss is stopped first, counted from the day on which it begins."""
    first = []
    for seed in range(chains):
        rng = _rng(seed)
        begins = int(rng.integers(min(BEFORE, len(days) // 2), max(len(days) - AFTER, len(days) // 2) + 1))
        verdicts = chain(days, n, policy, lambda day, begins=begins: loss if day >= begins else 0.0, rng)
        stops = [number - begins + 1 for number in range(begins, len(days)) if not verdicts[number].passed]
        first.append(stops[0] if stops else len(days) + 1)
    rates = [Rate(sum(day <= last for day in first), chains) for last in (1, 3, 7, 14)]
    return [percent(loss, 0), *map(rated, rates), f"within {within}"]


DRIFT = ("drift a day", "chains", f"told within {DRIFT_DAYS} days, alarm or stop", "false alarms a year")


def drift_row(
    days: Sequence[RecordedDay], n: int, policy: GateConfig, chains: int, sound: Sequence[Sequence[Verdict]]
) -> list[str]:
    """Whether a loss that grows every day is told of, and how often the same alarms come without one."""
    told = 0
    for seed in range(chains):
        verdicts = chain(days, n, policy, lambda day: DRIFT_A_DAY * max(0, day + 1 - DRIFT_BEGINS), _rng(seed))[
            : DRIFT_BEGINS + DRIFT_DAYS
        ]
        stopped = any(not verdict.passed for verdict in verdicts[DRIFT_BEGINS:])
        told += stopped or bool(_alarms(verdicts, DRIFT_BEGINS))
    false = sum(len(_alarms(verdicts, 0)) for verdicts in sound)
    judged = sum(map(len, sound))
    return [percent(DRIFT_A_DAY, 1), str(chains), rated(Rate(told, chains)), f"{365 * false / judged:.1f}"]


def _alarms(verdicts: Sequence[Verdict], since: int) -> set[str]:
    """Different alarms of slow decline on the days from ``since`` on."""
    rows = [
        {
            "day": f"{number:05}",
            "outcome": verdict.outcome,
            "release": None,
            "pair": verdict.figures["pair"],
            "reference": None,
            "against_earlier": verdict.figures.get("earlier"),
        }
        for number, verdict in enumerate(verdicts)
    ]
    policy = DriftConfig()
    return {alarm.key for last in range(since, len(rows)) for alarm in drift(rows[: last + 1], policy).alarms}


PLANTED = ("what", "runs", "PASS", "HOLD", "BLOCK", "by", "verdict flipped", "suspects named")


def changed_rows(
    folder: Path, days: Sequence[RecordedDay], options: argparse.Namespace, policy: GateConfig
) -> "list[list[str]]":
    """One row a kind of damaged day or of planted accounts, by the gate alone: no data check has looked."""
    kinds: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(folder.iterdir()):
        if found := CHANGED.fullmatch(path.name):
            kinds.setdefault(found[2], []).append((int(found[1]), path))
    return [changed_row(kind, found, days, options, policy) for kind, found in sorted(kinds.items())]


def changed_row(
    kind: str,
    found: Sequence[tuple[int, Path]],
    days: Sequence[RecordedDay],
    options: argparse.Namespace,
    policy: GateConfig,
) -> list[str]:
    """The verdicts on the days of one kind, and how many the planted accounts change."""
    runs = max(1, 200 // len(found))
    verdicts: list[Verdict] = []
    flipped = named = planted = 0
    for number, path in found:
        day = RecordedDay.load(path)
        for seed in range(runs):
            rng = np.random.default_rng([seed, number])
            past = _past(days[max(0, number - 1 - BEFORE) : number - 1], options.listeners, policy, rng)
            honest, invented = _drawn(day, options.listeners, rng)
            verdict = judged_day(day, np.union1d(honest, invented), policy, past, rng)
            verdicts.append(verdict)
            if len(invented):
                planted += 1
                flipped += judged_day(day, honest, policy, past, rng).outcome != verdict.outcome
                named += any("count" in told or "left out" in told for told in verdict.figures["warnings"])
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    by = Counter(verdict.figures["rule"] for verdict in verdicts if not verdict.passed)
    shares = [rated(Rate(flipped, planted)), percent(named / planted, 0)] if planted else ["-", "-"]
    return [
        kind,
        str(len(verdicts)),
        *(str(outcomes[each]) for each in ("PASS", "HOLD", "BLOCK")),
        _counted(by),
        *shares,
    ]


def _past(days: Sequence[RecordedDay], n: int, policy: GateConfig, rng: np.random.Generator) -> list[PastDay]:
    """The sound days before a changed one, judged."""
    past: list[PastDay] = []
    for number, day in enumerate(days):
        verdict = judged_day(day, np.sort(rng.permutation(len(day))[:n]), policy, past, rng)
        past.append(past_of(number, verdict))
    return past


def _drawn(day: RecordedDay, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n honest listeners, and as large a share of the planted accounts."""
    honest, planted = (np.flatnonzero(day.planted == kind) for kind in (False, True))
    share = min(1.0, n / max(1, len(honest)))
    return np.sort(rng.permutation(honest)[:n]), np.sort(rng.permutation(planted)[: round(share * len(planted))])


def _counted(of: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in of.most_common()) or "-"


if __name__ == "__main__":
    main()
