"""Faster code for the same numbers as `pastiche.engine.plain`, in less memory."""
