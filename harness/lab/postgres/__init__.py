"""PostgreSQL: the embedded cluster, and the database as the harness uses it."""
