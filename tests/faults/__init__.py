"""Faults at chosen moments of the real command: `uv run python -m tests.faults`."""
