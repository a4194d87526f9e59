"""What lasts as long as a run is measured, passed on as one object."""

import msgspec

from harness.inputs.contract import Contract
from harness.lab.postgres.database import Database
from harness.records.plan import Entry, Phase
from harness.records.run import Run
from harness.records.store import Store
from harness.runner.laboratory import Listener
from harness.runner.servers import Launcher


class Session(msgspec.Struct, frozen=True):
    """One execution of a run, or of the rest of it.

    run: study and plan, the cores of each role, and the variants that are excluded.
    launcher: starts servers. store: keeps trials. listener: hears how it goes.
    """

    run: Run
    contract: Contract
    database: Database
    launcher: Launcher
    store: Store
    listener: Listener

    @property
    def entries(self) -> list[Entry]:
        """The entries that passed their checks, in the plan's order."""
        return [e for e in self.run.plan.entries if e.variant not in self.run.excluded]

    def entries_of(self, phase: Phase) -> list[Entry]:
        """Of these, the entries that the phase's condition asks for."""
        wanted = {self.run.plan.entries[index].name for index in phase.orders[0]}
        return [entry for entry in self.entries if entry.name in wanted]
