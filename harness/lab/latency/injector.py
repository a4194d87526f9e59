"""One interface for whatever makes a leg long."""

from typing import Literal, Protocol

from harness.lab.network import Address

Leg = Literal["database", "client"]
"""Between application and database, and between load and application."""


class Injector(Protocol):
    """Adds latency to legs, by round trip.

    Whoever is reached through it is asked for an address once; the latency may then change at any
    time, for all that are reached on that leg.
    """

    def through(self, leg: Leg, target: Address) -> Address:
        """The address at which the target is reached by that leg."""

    def set_round_trip(self, leg: Leg, milliseconds: float) -> None:
        """From now on, a round trip on that leg takes so much longer."""

    @property
    def delays_harness(self) -> bool:
        """Whether the harness's own connections go the long way too."""

    @property
    def pids(self) -> tuple[int, ...]:
        """Processes whose CPU time it costs; none where the kernel does it."""
