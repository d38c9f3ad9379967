"""``python -m recsys_tasks``: the command line."""

import os
import sys

if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy loads: same input, same bytes
    from recsys_tasks.cli.main import main

    sys.exit(main(sys.argv[1:], os.environ))
