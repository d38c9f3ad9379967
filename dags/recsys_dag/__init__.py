"""What the DAG files need of Airflow: the business day, the workplace of a task, and the alert.

Raises:
    ImportError: something that the DAGs need is missing here: the plugins, a package, a newer Airflow. Whoever imports
        this package first is told so in a sentence, and not by the name of what some module found lacking.
"""

try:
    from recsys_needs import lacking
except ModuleNotFoundError:
    raise ImportError(
        "These DAGs need the plugins of the same project. Put what lies in its plugins/ into Airflow's plugins folder."
    ) from None

if missing := lacking():
    raise ImportError(missing)
