"""Locust's ramps, summed up."""
