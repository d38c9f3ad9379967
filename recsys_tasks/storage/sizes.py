"""How large a small object may be: what a reader would not take is not written."""

from recsys_tasks.core.errors import BadData


def check_size(where: str, content: bytes, most: int | None) -> None:
    """Check that a reader who takes at most so many bytes would take a small object.

    Args:
        where: what it is, or where it would lie.
        content: its bytes.
        most: bytes; None: any number.

    Raises:
        BadData: it is larger.
    """
    if most is not None and len(content) > most:
        raise BadData(
            f"{where} would have {len(content):,} bytes, and nobody reads more than {most:,} there: nothing was "
            "written. Say less in it."
        )
