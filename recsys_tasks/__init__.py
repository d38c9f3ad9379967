"""The daily recommendation pipeline as a plain Python library: no Airflow in here."""
