"""A receipt from beginning to end: serve, check, watch, measure, tell."""
