"""The worker: its Celery tasks claim jobs, paint them with the engine and commit the pictures."""
