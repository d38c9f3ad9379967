"""An id as a person types it becomes the id of the vocabulary, or is refused in words."""

from uuid import UUID

import pyarrow as pa
import pytest

from recsys_tasks.core.errors import UnknownId
from recsys_tasks.release.bundle import parse_id

UUIDS = pa.array(str(UUID(int=n * 7919 + (0xABCD << 112))) for n in range(40))
ONE = UUIDS[3].as_py()


@pytest.mark.parametrize(
    "typed", [ONE, ONE.upper(), f"{{{ONE}}}", f"urn:uuid:{ONE}", ONE.replace("-", ""), f"{{{ONE.upper()}}}"]
)
def test_a_uuid_is_found_in_any_form(typed):
    """Upper or lower case, in braces, as a URN or without hyphens: the id as Postgres writes it."""
    assert parse_id(UUIDS, typed) == ONE


@pytest.mark.parametrize(
    ("ids", "typed", "kind"),
    [
        (UUIDS, "4711", "a uuid"),
        (UUIDS, f"{ONE}0", "a uuid"),
        (UUIDS, "", "a uuid"),
        (pa.array([1, 2]), ONE, "an integer of 64 bits"),
        (pa.array([1, 2]), str(2**63), "an integer of 64 bits"),
        (pa.array(["a", "b"]), "\ud800", "a text in UTF-8"),
    ],
)
def test_what_is_no_id_is_refused_in_words(ids, typed, kind):
    """The message says what ids are here."""
    with pytest.raises(UnknownId, match=f"is no id of this service: each of them is {kind}"):
        parse_id(ids, typed)


def test_texts_stay_as_they_are():
    """Ids that are not all uuids are texts: case counts, and a text that is no uuid may be one of them."""
    assert parse_id(pa.array(["A", ONE]), ONE.upper()) == ONE.upper()
    mixed = pa.array([*UUIDS.to_pylist(), "plain", *UUIDS.to_pylist()])
    assert parse_id(mixed, "plain") == "plain"
    assert parse_id(pa.array([], pa.string()), "x") == "x"
