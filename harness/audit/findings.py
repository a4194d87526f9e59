"""What verification found, as records."""

import msgspec


class Violation(Exception):
    """A check failed; the message says what was expected and what was seen."""


class Outcome(msgspec.Struct, frozen=True):
    """One check on one variant: `problem` is None where it passed."""

    check: str
    problem: str | None

    @property
    def passed(self) -> bool:
        """Whether the variant does what the contract says."""
        return self.problem is None


class Verification(msgspec.Struct, frozen=True):
    """All checks on one variant."""

    variant: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(outcome.passed for outcome in self.outcomes)

    @property
    def problems(self) -> list[str]:
        """The failures, each as one line."""
        return [f"{o.check}: {o.problem}" for o in self.outcomes if o.problem is not None]


def expect(condition: bool, problem: str) -> None:
    """Raise a `Violation` unless the condition holds."""
    if not condition:
        raise Violation(problem)
