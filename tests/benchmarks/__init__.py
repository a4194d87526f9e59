"""Performance claims: each prints a ratio to a named peer, measured in the same run.

They are programs, not tests: pytest does not collect them. Run one with
`uv run python -m tests.benchmarks.<name>` on a quiet machine.
"""
