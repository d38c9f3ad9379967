"""Run the benchmarks, one process a question, and write docs/performance.md from what is kept of them."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.harness import FULL, RESULTS, SMALL, Line, Table, as_markdown, touch_memory

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
QUESTIONS = (
    "extraction",
    "connections",
    "fold",
    "retraining",
    "retrieval",
    "evaluation",
    "reader",
    "deliveries",
    "serving",
    "ordinary_day",
    "ensemble_day",
    "object_store",
    "airflow_overhead",
    "pages",
    "gpu_training",
)
WITH_AIRFLOW = ("airflow_overhead", "pages", "serving")
HEAD = """# Performance: what a day costs, beside what else would do it, and beside the physical limit

    scripts/bench                          # every question at its full size, some hours on two cores
    scripts/bench --size small             # a quick look at all of them
    scripts/bench extraction retrieval     # some of them

Both sides of a question run in one process and take turns; *side / ours* is the median over rounds of the other side's
seconds over ours in the same round (above 1: the other is slower), *peak memory* what the process held at most while a
side worked, above what it held before. A *(limit)* is no rival but what the machine itself needs for the same work.
This page is written by the command from `benchmarks/results/`; nothing in it is typed in.
"""


def main() -> int:
    """Run what was asked for; 1 when a question failed."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; all by default")
    parser.add_argument("--size", choices=(SMALL, FULL), default=FULL)
    parser.add_argument("--page-only", action="store_true", help="write the page from the results that are there")
    args = parser.parse_args()
    if unknown := set(args.questions) - set(QUESTIONS):
        parser.error(f"there is no question {', '.join(sorted(unknown))}")
    if not args.page_only:
        touch_memory(0.8)
    failed = [] if args.page_only else [name for name in args.questions or QUESTIONS if not _ran(name, args.size)]
    PAGE.write_text(page())
    for name in failed:
        print(f"{name} failed; the page keeps its earlier figures.", file=sys.stderr)
    return int(bool(failed))


def _ran(name: str, size: str) -> bool:
    """Run one question in a process of its own: its peak memory is nobody else's."""
    place = ".venv" if name in WITH_AIRFLOW else ".venv-bench"
    python = ROOT / place / "bin" / "python"
    command = [str(python if python.exists() else sys.executable), "-m", f"benchmarks.{name}", "--size", size]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def page() -> str:
    """The document: of each question the full figures, else the small ones."""
    parts = [HEAD]
    for name in QUESTIONS:
        kept = [path for size in (FULL, SMALL) for path in sorted(RESULTS.glob(f"{name}*-{size}.json"))]
        full = [path for path in kept if path.stem.endswith(FULL)]
        for path in full or kept:
            values = json.loads(path.read_text())
            on = values.pop("machine")
            lines = [Line(**{**line, "spread": tuple(line["spread"])}) for line in values.pop("lines")]
            parts.append(as_markdown(Table(**values, lines=lines)) + f"\n*{values['size']} size, {on}*\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
