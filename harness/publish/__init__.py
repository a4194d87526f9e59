"""A static site from runs: a list of them, each one's report, and trends from run to run."""
