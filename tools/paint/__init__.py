"""Paints the pictures of the documentation through a service that it starts."""
