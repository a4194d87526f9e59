"""Added latency: what makes a network of loopback seem long."""
