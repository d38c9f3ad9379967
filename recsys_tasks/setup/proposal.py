"""A configuration from what the source shows: what was found, what was not, and what somebody has to decide."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from recsys_tasks.core.config import Config, parse_config
from recsys_tasks.core.domain import Day
from recsys_tasks.core.errors import ConfigError, SourceUnavailable
from recsys_tasks.core.source import CatalogueConfig
from recsys_tasks.setup.views import mending_view
from recsys_tasks.source.candidates import Candidate, best, catalogue_candidates, id_type, streams_candidates
from recsys_tasks.source.connection import connect, disconnect, parse_address, snapshot
from recsys_tasks.source.postgres import Source
from recsys_tasks.source.relations import Relation, readable_relations
from recsys_tasks.source.schema import OF_FEATURES

NO_STREAMS_BEFORE = date(2000, 1, 1)
"""An instant before this date is taken for a stray: no service that streams is older."""
STALL_GRACE_S = 60.0
SHOWN = 12
"""Names of tables that a sentence lists."""


@dataclass(frozen=True)
class Corrections:
    """What a person says where the tables do not say it, or say it wrongly."""

    streams: str = ""
    catalogue: str | None = None  # None: look for one; empty: there is none
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # table of the TOML -> field -> value

    def columns(self, table: str) -> Mapping[str, str]:
        """Columns that are named, by the field of the configuration."""
        return self.fields.get(table, {})


@dataclass(frozen=True)
class Proposal:
    """The tables of a TOML, and the sentences that belong to them. With a problem, there is nothing to write."""

    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    last_day: Day | None = None  # with streams, and over

    def config(self) -> Config:
        """The values as the configuration that they are.

        Raises:
            ConfigError: a correction is out of its field's bounds.
        """
        return parse_config({name: dict(table) for name, table in self.values.items()}, "the proposed configuration")

    def with_sentences(self, found: Sequence[str], missing: Sequence[str]) -> "Proposal":
        """The same with more to say."""
        return replace(self, found=(*self.found, *found), missing=(*self.missing, *missing))


def propose(dsn: str, corrections: Corrections, today: Day, timeout_s: int) -> Proposal:
    """Ask the source for its tables, and propose a configuration that it was held against.

    Args:
        dsn: address of the source.
        corrections: what a person says of it.
        today: the UTC date, for a history whose first stream was not found.
        timeout_s: seconds that a question may take.

    Raises:
        ConfigError: the address or a correction is none.
        SourceUnavailable: the source cannot be reached or broke off.
        SourceMismatch: a correction does not fit the tables.
    """
    relations, role = _look(dsn, timeout_s)
    streams = _chosen("streams", relations, streams_candidates(_asked(relations, corrections.streams),
                      corrections.columns("source")))  # fmt: skip
    if isinstance(streams, Proposal):
        return streams
    if "streamed_at" in streams.mend:
        return Proposal(problems=(_naive(streams, role),))
    catalogue = _catalogue(relations, streams, corrections)
    proposal = _of_streams(streams, corrections, role)
    proposal = replace(proposal, values={**proposal.values, **catalogue.values})
    proposal = proposal.with_sentences(catalogue.found, catalogue.missing)
    return _held_against_the_source(dsn, proposal, today, timeout_s)


def _look(dsn: str, timeout_s: int) -> tuple[list[Relation], str]:
    """What the role may read, and its name, quoted."""
    address = parse_address(dsn)
    connection = connect(address, 2 * timeout_s + STALL_GRACE_S)
    try:
        with snapshot(connection, address, timeout_s, STALL_GRACE_S, "the list of its tables") as at:
            at.cursor.execute("SELECT quote_ident(current_user)")
            (role,) = at.cursor.fetchone()  # type: ignore[misc]  # there is always one
            return readable_relations(at), role
    finally:
        disconnect(connection)


def _asked(relations: Sequence[Relation], name: str) -> list[Relation]:
    """The relations that a name means, all of them where none is given.

    Raises:
        ConfigError: none that can be read has this name.
    """
    found = [each for each in relations if name in ("", each.name, each.table)]
    if not found:
        raise ConfigError(f"This role may read no table or view {name}. It may read: {_listed(relations)}.")
    return found


def _chosen(what: str, relations: Sequence[Relation], candidates: Sequence[Candidate]) -> Candidate | Proposal:
    """The best candidate; a proposal that says why there is none, or that there are several as good."""
    found = best(candidates)
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(each.relation.name for each in found)
        said = f"{names} look equally like the {what}, and nothing was chosen between them."
        return Proposal(problems=(f"{said} Name one: --{what} {found[0].relation.name}",))
    return Proposal(
        problems=(
            f"No table or view that this role may read looks like the {what}: one column each of who listened and what "
            "(integer, text or uuid) and of when (timestamp with time zone), with the columns that --set names. It may "
            f"read: {_listed(relations)}. GRANT SELECT on it, or name it and its columns: --streams schema.table "
            "--set source.user_id=COLUMN --set source.track_id=COLUMN --set source.streamed_at=COLUMN",
        )
    )


def _listed(relations: Sequence[Relation]) -> str:
    more = f" and {len(relations) - SHOWN} more" if len(relations) > SHOWN else ""
    return (", ".join(each.name for each in relations[:SHOWN]) or "nothing") + more


def _naive(streams: Candidate, role: str) -> str:
    column = streams.mend["streamed_at"]
    return (
        f"{streams.relation.name} looks like the streams, but {column} is a timestamp without time zone, which names "
        "no instant and is refused. As its owner, with the zone that it was written in:\n"
        f"{mending_view(streams, role)}\nThen: recsys init --streams {streams.relation.schema}.recsys_streams"
    )


def _of_streams(streams: Candidate, corrections: Corrections, role: str) -> Proposal:
    """The table [source], without the first date."""
    relation, columns = streams.relation, streams.columns
    values: dict[str, Any] = {"streams_table": relation.name}
    values |= {part: columns.get(part, "") for part in
               ("user_id", "track_id", "streamed_at", "event_id", "ms_played", "private_session")}  # fmt: skip
    values |= {f"{part}_type": id_type(relation.columns[columns[part]]) for part in ("user_id", "track_id")}
    missing = []
    if "private_session" not in columns:
        missing.append("No column tells private sessions: every stream counts. Is there one? "
                       "--set source.private_session=COLUMN (boolean)")  # fmt: skip
    if "event_id" not in columns:
        missing.append("No column is the id of an event: rows with equal user, track and instant are duplicates.")
    if "ms_played" not in columns:
        missing.append("No column tells the milliseconds played: every stream is long enough.")
    if streams.mend:
        which = " and ".join(f"{column} ({relation.columns[column]})" for column in streams.mend.values())
        missing.append(
            f"{which} can be used by way of a view. As the owner of {relation.name}:\n{mending_view(streams, role)}\n"
            f"Then: recsys init --streams {relation.schema}.recsys_streams"
        )
    return Proposal(
        {"source": values | dict(corrections.columns("source"))}, (_sentence("Streams", streams),), tuple(missing)
    )


def _catalogue(relations: Sequence[Relation], streams: Candidate, corrections: Corrections) -> Proposal:
    """The table [catalogue]; it is optional, so that a doubt is a sentence and no problem."""
    if corrections.catalogue == "":
        return Proposal(missing=("No catalogue, as you said: ids are shown instead of names.",))
    given = corrections.columns("catalogue")
    asked = _asked(relations, corrections.catalogue or "")
    chosen = _chosen("catalogue", relations, catalogue_candidates(asked, streams, given))
    if isinstance(chosen, Candidate):
        parts = CatalogueConfig.model_fields.keys() - {"table", "features"}
        columns = {part: chosen.columns.get(part, "") for part in CatalogueConfig.model_fields if part in parts}
        values = {"table": chosen.relation.name, **columns, **given}
        return Proposal({"catalogue": values}, (_sentence("Catalogue", chosen), *_features(chosen)))
    if corrections.catalogue:
        raise ConfigError(
            f"{corrections.catalogue} lacks a track id of the streams' type, a title or an artist. "
            "Name them: --set catalogue.track_id=COLUMN --set catalogue.title=COLUMN --set catalogue.artist=COLUMN, "
            "or --set catalogue.artist= where there is none"
        )

    several = [each for each in chosen.problems if "equally" in each]
    none = "No table of the tracks was found (track id, title, artist): --catalogue schema.table"
    return Proposal(missing=(*(several or [none]), "Without a catalogue, ids are shown instead of names."))


def _features(catalogue: Candidate) -> Iterator[str]:
    """The columns by which content could tell tracks apart: which of them say something of a track, a person knows."""
    kinds, used = catalogue.relation.columns, set(catalogue.columns.values())
    others = [f"{column} ({kind})" for column, kind in kinds.items() if kind in OF_FEATURES and column not in used]
    if others:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        yield (
            f"The catalogue has {', '.join(others[:SHOWN])}{more} besides: [catalogue.features] may name what is said "
            "there of a track, but no counts of plays (docs/recommenders.md)."
        )


def _sentence(what: str, candidate: Candidate) -> str:
    kinds = candidate.relation.columns
    lines = [f"  {part:<16} {column} ({kinds[column]})" for part, column in candidate.columns.items()]
    return "\n".join([f"{what}: {candidate.relation.name} ({candidate.relation.kind})", *lines])


def _held_against_the_source(dsn: str, proposal: Proposal, today: Day, timeout_s: int) -> Proposal:
    """The proposal with its first date, checked as the extraction checks it, and how a day is found."""
    given = proposal.values["source"].get("history_start")
    waiting = {"history_start": today, "statement_timeout_s": timeout_s}
    source_values = {**waiting, **proposal.values["source"]}
    asked = replace(proposal, values={**proposal.values, "source": source_values}).config()
    with Source(dsn, asked.source, asked.catalogue) as source:
        source.check()
        start, said, lacking = (given, [], []) if given else _first_date(source, today)
        last = source.last_day() if given or said else None
        way = source.way_to_a_day(today - timedelta(days=1))
    found = [*said, f"A day is found by {way.found_by}."] if not way.create_index else said
    missing = [f"No index on the instant: every day reads the whole table. {way.create_index}"]
    values = {**proposal.values, "source": {**proposal.values["source"], "history_start": start}}
    last = min(last, today - timedelta(days=1)) if last else None
    lacking += missing if way.create_index else []
    return replace(proposal, values=values, last_day=last).with_sentences(found, lacking)


def _first_date(source: Source, today: Day) -> tuple[Day, list[str], list[str]]:
    """The first date with streams, or one that stands for it; what was found, and what was not."""
    try:
        earliest = source.first_day()
        first = source.first_day(since=NO_STREAMS_BEFORE) or earliest  # all of them old: an archive, and no strays
    except SourceUnavailable as error:
        start = today - timedelta(days=28)
        return start, [], [f"The first date with streams was not found. {error} history_start = {start} stands for "
                           "it: set it, or ask again with a larger --timeout."]  # fmt: skip
    if first is None or first >= today:
        start = today - timedelta(days=1)
        return start, [], [f"There is no stream before today yet: history_start = {start}."]
    early = (
        f"Streams of before {NO_STREAMS_BEFORE}, the first of {earliest}, are taken for strays, and are not extracted. "
        f"Are they none? --set source.history_start={earliest}"
    )
    return first, [f"First date with streams: {first}."], [early] if earliest != first else []
