"""What the DAG files need of Airflow: the business day, the workplace of a task, and the alert.

Raises:
    ImportError: Airflow is older than the DAGs need. Whoever imports this package first is told so in a sentence, and not
        by the name of something that the older Airflow lacks.
"""

from airflow import __version__
from packaging.version import Version

OLDEST = "3.2"

if Version(__version__).release < Version(OLDEST).release:
    raise ImportError(f"These DAGs need Airflow {OLDEST} or newer, and this is Airflow {__version__}. Upgrade Airflow.")
