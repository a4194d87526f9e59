"""A page on two runs: which variants became faster or slower, and by how much."""
