"""What the DAG files need of Airflow: the business day, the workplace of a task, and the alert."""
