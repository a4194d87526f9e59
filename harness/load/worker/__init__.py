"""The load generator's process: connections, loops, checks."""
