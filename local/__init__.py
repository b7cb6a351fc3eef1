"""The whole service on one machine with one command: Redis, worker and API, down cleanly."""
