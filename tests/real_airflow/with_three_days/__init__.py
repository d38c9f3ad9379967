"""Tests that share an Airflow in which three days are done; it ends with them, and takes no time from the others."""
