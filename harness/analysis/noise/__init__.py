"""The machine's noise: its memory, its covariate, and trends."""
