"""Sweeps and batches: several jobs that are submitted, shown and canceled together."""
