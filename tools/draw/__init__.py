"""Draws the example images: two photographs and seven paintings, a module each."""
