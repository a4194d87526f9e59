"""Locust as a load generator: its driver, and the program that Locust runs."""
