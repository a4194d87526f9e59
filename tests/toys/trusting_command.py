"""The command `bridgetoll` that trusts the toys, as a program.

It neither verifies nor audits, measures nothing again because of a busy machine, and draws no chart
unless its environment has the variable `DRAWS`.
"""

import os
from contextlib import nullcontext

from harness import cli
from tests.toys.laboratory import trusting, undisturbed
from tests.toys.undrawn import undrawn

DRAWS = "BRIDGETOLL_TOYS_DRAW"

if __name__ == "__main__":
    with trusting(), undisturbed(), nullcontext() if DRAWS in os.environ else undrawn():
        cli.main()
