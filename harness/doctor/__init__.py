"""Examines this machine: what it can measure, and what it cannot."""
