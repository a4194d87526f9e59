"""A static site of runs: front page, reports, trends, identical servers."""
