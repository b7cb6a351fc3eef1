"""Server-sent events of a job."""
