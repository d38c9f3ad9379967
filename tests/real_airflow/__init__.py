"""Tests that start a real Airflow: first, for they take longest, and by one worker, so that one runs at a time.

test_scheduler.py   an Airflow of its own: alerts arrive, tasks are killed
with_three_days/    tests that share one
"""
