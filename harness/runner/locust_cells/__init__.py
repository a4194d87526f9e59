"""Locust's cells: a fresh server and a ramp of users for each."""
