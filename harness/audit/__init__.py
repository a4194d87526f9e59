"""Does it do the same work? One set of checks, for the command, a run's gate and the tests."""
