"""The command ``lineage``: the way back from a release to the streams of each date."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from recsys_tasks.cli.answers import Answer
from recsys_tasks.core.digests import SHORT
from recsys_tasks.core.formatting import count, second, significant
from recsys_tasks.release.lineage import lineage
from recsys_tasks.reporting.lineage_tables import drop_reasons, is_restated, libraries, row_sums
from recsys_tasks.reporting.terminal_tables import as_table
from recsys_tasks.storage.stores import store_at

Row = Mapping[str, Any]
COUNTS = {"day": "date", "version": "version", "rows_read": "read", "rows_kept": "kept"}
RUN_COLUMNS = {"step": "step", "run_id": "run", "by": "by", "began": "began (UTC)"}


def register(commands: Any) -> None:
    """Add the command to the parser."""
    text = "the way back from a release: index, components, factors, play matrix, partitions, libraries, runs"
    command: ArgumentParser = commands.add_parser("lineage", help=text, description=text)
    command.add_argument("release", help="number of a release, or how the digest of a candidate begins")
    command.add_argument("--json", action="store_true", help="the answer as JSON, with every date and parent")
    command.set_defaults(handler=_lineage)


def _lineage(args: Namespace) -> Answer:
    found = lineage(store_at(args.root), args.release)
    return Answer(found, "\n".join(_text(found)))


def _text(found: Row) -> Iterator[str]:
    release = f"Release {found['release']}, " if found["release"] else "Not published: "
    yield f"{release}data of {found['day']}{', live' if found['live'] else ''}"
    yield f"bundle      candidate {found['candidate']}"
    yield from _indented(f"part {name}: sha256 {part['sha256']}{_gone(part)}" for name, part in found["parts"].items())
    yield from _indented(_entry(entry) for entry in found["log"])
    yield from _indented(_judgement(row) for row in found["judgements"])
    yield from _stations(found)
    yield from _partitions(found["partitions"])
    yield from _runs(found["runs"])
    if found["lost"]:
        yield "not stored any more (retention removes what no run needs)"
        yield from _indented(found["lost"])


def _stations(found: Row) -> Iterator[str]:
    """Index, factors and matrix, with what they were made with."""
    index, factors, matrix = found["index"], found["factors"], found["matrix"]
    if index:
        recall = f"; recall {_named(index['recall'])}" if index["recall"] else ""
        yield f"index       {count(index['indexed'])} of {count(index['tracks'])} tracks{recall}"
        chosen = f"search parameters: {_named(index['effort'])}"
        yield from _indented([f"parameters: {_named(index['parameters'])}", chosen])
    if found["beside"]:
        yield from _beside(found["beside"])
    if factors:
        yield f"factors     model {factors['digest']}{_gone(factors)}"
    if factors and factors["stored"]:
        yield from _indented([_training(factors), f"parameters: {_named(factors['parameters'])}"])
        yield from _indented([f"hidden listeners: {_named(factors['hidden'])}", *_parents(factors["parents"])])
    if matrix:
        figures = {name: matrix[name] for name in ("users", "tracks", "pairs", "plays") if name in matrix}
        yield f"play matrix {matrix['digest']}{_gone(matrix)}{': ' if figures else ''}{_named(figures)}"


def _beside(beside: Row) -> Iterator[str]:
    """The components after the first, what puts their candidates in order, and the factors of tracks without plays."""
    named = ", ".join(f"{each['name']} {significant(each['weight'])}" for each in beside["components"])
    yield f"components  {named}; joined by {beside['joined_by']}" if named else "components  none beside the factors"
    for each in beside["components"]:
        yield f"  {each['name']}: model {each['digest']}{_gone(each)}; parameters: {_named(each['parameters'])}"
    for name, what in (("trees", "trees"), ("cold", "tracks without plays")):
        if beside[name]:
            yield f"  {what}: model {beside[name]['digest']}{_gone(beside[name])}"
    if beside["catalogue"]:
        yield f"  catalogue snapshot {beside['catalogue']}"


def _entry(entry: Row) -> str:
    run = f", run {entry['run_id']}" if entry["run_id"] else ""
    pinned = ", pinned" if entry["pinned"] else ""
    return f"entry {entry['number']}: {entry['kind']}{pinned} by {entry['by']} at {entry['at']}{run}: {entry['why']}"


def _judgement(row: Row) -> str:
    against = f"against release {row['incumbent_release']}" if row["incumbent_release"] else "without an incumbent"
    return f"{row['outcome']} {against}: {'; '.join(row['reasons'])}"


def _training(model: Row) -> str:
    begun = "the parent's factors" if model["warm"] else "a cold start"
    by = f", by {model['trainer']}" if model["trainer"] else ""
    return f"{model['day']}: iterations: {model['iterations']}, from {begun}, loss {significant(model['loss'])}{by}"


def _parents(parents: Sequence[Row]) -> Iterator[str]:
    for parent in parents:
        training = f"; {_training(parent)}" if parent["stored"] else f" of {parent['day']}{_gone(parent)}"
        yield f"parent model {parent['digest'][:SHORT]}{training}"


def _partitions(rows: Sequence[Row]) -> Iterator[str]:
    """The first and the last date, the restated and quarantined ones, and the sums; --json has every date."""
    if not rows:
        return
    rules = sorted({row["rule"][:SHORT] for row in rows if row["rule"]})
    yield f"partitions  {len(rows)}, {rows[0]['day']} to {rows[-1]['day']}, rule of what qualifies: {', '.join(rules)}"
    shown = [row for row in rows if row in (rows[0], rows[-1]) or is_restated(row) or row["quarantine"]]
    reasons = drop_reasons(rows)
    lines = [*(_counted(row, reasons) for row in shown), {"day": "all", "version": "", **row_sums(rows)}]
    yield from _indented(as_table(lines, COUNTS | {name: name for name in reasons}).splitlines())
    yield from _indented(f"{row['day']}: {row['quarantine']}" for row in shown if row["quarantine"])
    yield from _indented(_restatement(row) for row in shown if is_restated(row))


def _counted(row: Row, reasons: Iterable[str]) -> Row:
    return {**row, "version": row["digest"][:SHORT], **{reason: row["dropped"].get(reason) for reason in reasons}}


def _restatement(row: Row) -> str:
    others = [f"version {digest[:SHORT]} is another" for digest in row["other_versions"]]
    newest = [f"version {row['replaced_by'][:SHORT]} has replaced it since"] if row["replaced_by"] else []
    runs = [f"restated by {', '.join(row['restated_by'])}"] if row["restated_by"] else []
    return f"{row['day']}: {'; '.join([*runs, *newest, *others])}"


def _runs(runs: Sequence[Row]) -> Iterator[str]:
    """The run that made each station, and the versions of the libraries: one line where they are all the same."""
    used = libraries(runs)
    for versions, steps in used.items():
        whose = "" if len(used) == 1 else f" ({', '.join(steps)})"
        yield f"libraries   {versions}{whose}"
    rows = [{**run, "began": second(run["began"])} for run in runs]
    yield "runs" if rows else "runs        no record of them is left"
    yield from _indented(as_table(rows, RUN_COLUMNS).splitlines() if rows else [])


def _named(values: Row) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _gone(station: Row) -> str:
    return "" if station["stored"] else " (not stored any more)"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
