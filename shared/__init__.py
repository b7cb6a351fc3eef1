"""The words that the API and the worker both use: the job, its pictures, its record, its queue."""
