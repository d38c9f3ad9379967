"""What a demonstration needs beside the pipeline: a world, readers for real logs, a supervisor for Airflow."""
