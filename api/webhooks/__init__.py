"""The keys of webhooks."""
