"""Labels of a trial: what limited it, what disturbed it."""
