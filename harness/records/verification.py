"""What was found when a variant was held to the contract, and to its own label."""

from collections.abc import Iterator

import msgspec


class FailureDetails(msgspec.Struct, frozen=True):
    """How a check failed; what is not known is None.

    request: method and path. body: the beginning of its body. content_type: of the body.
    at_once: requests of this kind that were under way at the same time.
    expected, seen: as phrases.
    log: the end of what the server said meanwhile, of a server that failed.
    """

    request: str | None = None
    body: str | None = None
    content_type: str | None = None
    at_once: int = 1
    expected: str | None = None
    seen: str | None = None
    log: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """One check on one variant: `problem` is None where it passed.

    evidence: of a failure; None in runs from before there was any.
    cause: failures that have the same one have one cause; None where it is not known.
    """

    check: str
    problem: str | None
    evidence: FailureDetails | None = None
    cause: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the variant does what the contract says."""
        return self.problem is None


class Failure(msgspec.Struct, frozen=True):
    """One cause of failed checks: the simplest of them, and the names of the others."""

    outcome: Outcome
    also: tuple[str, ...]


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

    @property
    def failures(self) -> Iterator[Failure]:
        """The failures by their causes, in the order of the checks.

        Of several, the first is told whose requests were the fewest at once: where an endpoint
        always fails, the check of a crowd says nothing more.
        """
        failed = [outcome for outcome in self.outcomes if not outcome.passed]
        groups: dict[object, list[Outcome]] = {}
        for number, outcome in enumerate(failed):
            key = number if outcome.cause is None else outcome.cause
            groups.setdefault(key, []).append(outcome)
        for group in groups.values():
            told = min(group, key=lambda o: 1 if o.evidence is None else o.evidence.at_once)
            names = dict.fromkeys(outcome.check for outcome in group)
            yield Failure(told, tuple(name for name in names if name != told.check))


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


class Constants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a study holds constant: as it was given to a variant's server, and as it was measured.

    workers: processes given. working: processes that serve, or took part in the work of a load.
    threads: given to each worker; None where the server's command line takes none.
    at_once: requests that one worker answered at the same time; as many as were sent at the most.
    sent: so many were.
    pool: the factor of that name. allowed: connections to PostgreSQL given, all workers together;
        None for a variant that connects per request.
    connections: of the variant's role, with more requests waiting for PostgreSQL than `allowed`.
    exact: whether each allowed connection must be there, as the contract wants of a pool.
    listens: addresses with ports.
    """

    workers: int
    working: int
    threads: int | None
    at_once: int
    sent: int
    pool: str
    allowed: int | None
    connections: int
    exact: bool
    listens: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """Every deviation as one line, with both figures."""
        found: list[str] = []
        if self.working > self.workers:
            found.append(
                f"{self.working} processes work for it, where the study holds {self.workers} for "
                "all; let it start none beside its workers"
            )
        wanted = None if self.threads is None else min(self.threads, self.sent)
        if wanted is not None and self.at_once != wanted:
            many = " or more requests" if self.at_once == self.sent else " requests"
            requests = " request" if self.at_once == 1 else many
            found.append(
                f"a worker answers {self.at_once}{requests} at once, where the study holds "
                f"{self.threads} threads for all; let {{threads}} on its command line decide that"
            )
        if self.allowed is not None and self.connections > self.allowed:
            found.append(
                f"{self.connections} connections to PostgreSQL under load, where the study holds "
                f"{self.allowed} for all; let it open no more than it is given"
            )
        elif self.exact and self.allowed is not None and self.connections < self.allowed:
            found.append(
                f"{self.connections} connections to PostgreSQL under load, where the study holds "
                f"{self.allowed} for all; let its pool open POOL_SIZE of them at the start"
            )
        return found


class Audit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tolls of one variant.

    problem: why it could not be audited to the end, or None.
    uncounted: quantities that no toll has, because encrypted messages cannot be read.
    constants: what its server had of what a study holds constant; None where that was not
        measured, and in runs from before it was.
    """

    variant: str
    tolls: tuple[Toll, ...]
    problem: str | None = None
    uncounted: tuple[str, ...] = ()
    constants: Constants | None = None

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
        found += [] if self.constants is None else self.constants.problems
        return found + ([] if self.problem is None else [self.problem])
