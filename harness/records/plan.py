"""What is done, in order: entries, phases, and the orders of their rounds."""

import msgspec

from harness.inputs.study import Condition

DUPLICATE = "#duplicate"
"""Appended to the baseline's name for the hidden A/A entry."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One server of a block: a variant, or the hidden duplicate of the baseline."""

    name: str
    variant: str

    @property
    def duplicate(self) -> bool:
        """Whether it is the A/A entry."""
        return self.name != self.variant


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition in one block: the smallest piece that is run, kept and resumed.

    orders: per round, the indices of the entries that are measured, as they come.
    """

    block: int
    condition: Condition
    orders: tuple[tuple[int, ...], ...]

    @property
    def turns(self) -> int:
        """Slices or windows in all."""
        return sum(len(order) for order in self.orders)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that will be done, in order.

    starts: per block, the order in which the servers are started, as indices of entries.
    """

    entries: tuple[Entry, ...]
    starts: tuple[tuple[int, ...], ...]
    phases: tuple[Phase, ...]
    expected_s: float
