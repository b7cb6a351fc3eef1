"""Uploaded pictures: sent once, and used in many jobs."""
