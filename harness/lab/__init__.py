"""The machine: processes, cores, clocks, PostgreSQL, environments, servers."""
