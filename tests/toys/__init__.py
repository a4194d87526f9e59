"""Tiny servers that behave well or badly in one known way, to load and to watch."""
