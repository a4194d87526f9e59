"""What touches the machine: processes, cores, clocks, PostgreSQL, environments, servers."""
