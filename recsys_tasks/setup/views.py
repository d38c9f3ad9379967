"""The view that turns columns of other types into those that the extraction reads."""

from recsys_tasks.source.candidates import Candidate


def mending_view(streams: Candidate, role: str) -> str:
    """The statements that make ``recsys_streams`` beside the table, for its owner to type.

    Args:
        streams: the table, with the columns that a view has to convert.
        role: who shall read it, quoted.
    """
    relation = streams.relation
    view = f"{_quoted(relation.schema)}.recsys_streams"
    plain = [_quoted(column) for column in streams.columns.values()]
    mended = [
        f"{_converted(part, _quoted(column), relation.columns[column])} AS {part}"
        for part, column in streams.mend.items()
    ]
    table = f"{_quoted(relation.schema)}.{_quoted(relation.table)}"
    columns = ", ".join([*plain, *mended])
    made = f"CREATE VIEW {view} AS SELECT {columns} FROM {table};"  # noqa: S608 - shown to a person, names quoted
    return f"  {made}\n  GRANT SELECT ON {view} TO {role};"


def _converted(part: str, column: str, kind: str) -> str:
    """A column as what its part needs."""
    if part == "streamed_at":
        return f"{column} AT TIME ZONE 'UTC'"
    if part == "private_session":
        return f"({column} <> 0)"
    seconds = f"extract(epoch FROM {column})" if kind == "interval" else column
    return f"({seconds} * 1000)::bigint"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
