"""Checks that variants do the same work, for the commands, a run's gate and the tests."""
