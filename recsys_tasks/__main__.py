"""The command ``recsys``, which is also ``python -m recsys_tasks`` where the package is not installed."""

import os
import sys


def run() -> int:
    """Run the command that this process was started with; return its exit code."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy loads: the same input gives the same bytes
    from recsys_tasks.cli.interrupts import end_soon_after_interrupts
    from recsys_tasks.cli.main import main
    from recsys_tasks.cli.telling import flush

    end_soon_after_interrupts()
    try:
        return main(sys.argv[1:], os.environ)
    finally:
        flush()


if __name__ == "__main__":
    sys.exit(run())
