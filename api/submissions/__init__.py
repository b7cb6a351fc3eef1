"""New jobs: the form, its pictures, and the queue."""
