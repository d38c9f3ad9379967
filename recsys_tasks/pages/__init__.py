"""The pages inside Airflow: stored figures in, HTML and JSON out. Nothing here knows of Airflow or of HTTP.

``site`` renders a template in the frame that all pages share; each other room gathers what one page shows.
"""
