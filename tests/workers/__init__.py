"""Days on several machines: Celery workers that share a broker, an object store and the API server, and no disk."""
