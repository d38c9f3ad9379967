"""The compose file, built and started for real: an engine, the images that it needs, and what is looked at."""
