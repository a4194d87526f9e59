"""What was found when a variant was held to the contract, and to its own label."""

import msgspec


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


class Toll(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one request of an endpoint takes, counted one request at a time.

    requests: over which it was counted.
    counted: per request, by quantity; see `audit.count`. What was watched and never happened may be
        left out: hops and the like never are, bytes and hand-overs are.
    expected: what manifest and contract say of some of these.
    """

    endpoint: str
    requests: int
    counted: dict[str, float]
    expected: dict[str, int]

    @property
    def deviations(self) -> dict[str, tuple[int, float]]:
        """Expected and counted, where the two differ."""
        return {
            quantity: (value, self.counted[quantity])
            for quantity, value in self.expected.items()
            if self.counted[quantity] != value
        }


class Audit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tolls of one variant.

    problem: why it could not be audited to the end, or None.
    uncounted: quantities that no toll has, because encrypted messages cannot be read.
    """

    variant: str
    tolls: tuple[Toll, ...]
    problem: str | None = None
    uncounted: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the variant does what its label says."""
        return not self.problems

    @property
    def problems(self) -> list[str]:
        """Every deviation as one line."""
        found = [
            f"/{toll.endpoint}, {quantity.replace('_', ' ')} per request: {expected} expected, "
            f"{counted:g} counted"
            for toll in self.tolls
            for quantity, (expected, counted) in toll.deviations.items()
        ]
        return found + ([] if self.problem is None else [self.problem])
