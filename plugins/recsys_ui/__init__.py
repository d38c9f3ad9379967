"""The app of our pages in Airflow's API server. A package, so that Airflow does not load each file as a plugin."""
