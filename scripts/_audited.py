"""What pip-audit wrote, in words: it ends with 0 and "No known vulnerabilities" where nobody answered it, too.

usage: python scripts/_audited.py LOCK FILE. Ends with 0, 1 or 2, as scripts/audit does.
"""

import json
import sys
from pathlib import Path
from typing import Any

CLEAN, VULNERABLE, NOT_ASKED = 0, 1, 2


def judged(written: Path) -> tuple[int, list[str]]:
    """The code to end with, and the lines to print. written: pip-audit's JSON; none where it could not ask at all."""
    try:
        asked = json.loads(written.read_text())["dependencies"]
    except (OSError, ValueError, KeyError):
        return NOT_ASKED, ["NOT ASKED: pip-audit got no answer; build/audit.log says why."]
    skipped = [each["name"] for each in asked if "skip_reason" in each]
    known = [_line(each, found) for each in asked for found in each.get("vulns", ())]
    lines = known + ([_unanswered(skipped, len(asked))] if skipped else [])
    if known:
        return VULNERABLE, lines
    if skipped or not asked:
        return NOT_ASKED, lines or ["NOT ASKED: the lock names no version."]
    return CLEAN, [f"{len(asked)} versions, none known to be vulnerable."]


def _line(package: dict[str, Any], found: dict[str, Any]) -> str:
    mended = ", ".join(found["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']} is vulnerable: {found['id']}, mended in {mended}."


def _unanswered(names: list[str], of: int) -> str:
    some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return (
        f"NOT ASKED about {len(names)} of {of} versions ({some}): the service does not know them. A mirror that only "
        "has packages is no such service. Ask from where the real one can be reached."
    )


if __name__ == "__main__":
    code, lines = judged(Path(sys.argv[2]))
    print(*(f"{sys.argv[1]}: {line}" for line in lines), sep="\n")
    sys.exit(code)
