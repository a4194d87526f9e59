"""Applications that are not ours: their interpreter, a server for them, and their answers."""
