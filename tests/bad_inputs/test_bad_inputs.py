"""The corpus of bad inputs: each of the 64 is really put in, and ends as it is promised (see bad_inputs/)."""

import re
from inspect import getdoc, getsource, signature

import pytest

MODULES = ("arrays", "artefacts", "cases", "judgements", "rows", "tables", "vocabularies")
pytest.register_assert_rewrite(*(f"bad_inputs.{name}" for name in MODULES))

from bad_inputs import arrays, artefacts, judgements, rows, tables, vocabularies  # noqa: E402, F401 - they fill the table
from bad_inputs.cases import CASES  # noqa: E402

ASSERTS = re.compile(r"^ +(?:assert |with .*\b(?:refused|raises)\(|_?refuses\w*\(|kept_as_data\()", re.MULTILINE)
"""How a case asserts something, itself or through the helpers beside it."""


@pytest.mark.parametrize("case", sorted(CASES, key=str), ids=str)
def test_bad_input(case, request):
    """The accident ends as its function promises: what is asserted stands there."""
    case.happens(*(request.getfixturevalue(name) for name in signature(case.happens).parameters))


def test_every_bad_input_is_there_once():
    """Numbers 1 to 64, each once, each with its promise, and none that asserts nothing."""
    assert sorted(case.number for case in CASES) == list(range(1, 65))
    assert all(getdoc(case.happens) for case in CASES)
    assert [str(case) for case in CASES if not ASSERTS.search(getsource(case.happens))] == []
