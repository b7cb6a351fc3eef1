"""The living workers."""
