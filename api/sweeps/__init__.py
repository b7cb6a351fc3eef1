"""Sweeps: one pair of images painted with several weights."""
