"""Intervals, ties and variance components."""
