"""Draws the example images: two photographs and seven paintings, each in its own module."""
