"""What the API and the worker share: the job, its pictures, its record, its queue."""
