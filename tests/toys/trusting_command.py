"""The command `bridgetoll` that trusts the toys, as a program.

It neither verifies nor audits, and draws no chart unless its environment has the variable `DRAWS`.
"""

import os
from contextlib import nullcontext

from harness import cli
from tests.toys.laboratory import trusting
from tests.toys.undrawn import undrawn

DRAWS = "BRIDGETOLL_TOYS_DRAW"

if __name__ == "__main__":
    with trusting(), nullcontext() if DRAWS in os.environ else undrawn():
        cli.main()
