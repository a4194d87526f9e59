"""Does it do the same work? One set of checks for the command, the gate before a run, and the tests."""
