"""Celery in, engine inside: jobs are claimed, painted and committed."""
