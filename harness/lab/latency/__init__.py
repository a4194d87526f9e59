"""Added latency: a relay in user space, or netem in the kernel."""
