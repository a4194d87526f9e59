"""A run, from its plan through block, phase and slice to trials on disk."""
