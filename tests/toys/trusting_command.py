"""The command `bridgetoll` that trusts the toys, as a program: it neither verifies nor audits."""

from harness import cli
from tests.toys.laboratory import trusting

if __name__ == "__main__":
    with trusting():
        cli.main()
