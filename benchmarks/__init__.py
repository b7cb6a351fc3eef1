"""Benchmarks: each is a program that prints its measurements, without asserting anything."""
