"""The HTTP API: answers requests about jobs from their records and the blob store."""
