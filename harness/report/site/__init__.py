"""A static site of runs: front page, reports, trends."""
