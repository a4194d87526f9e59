"""What lasts as long as a run is measured, passed on as one object."""

import msgspec

from harness.analysis.so_far import SoFar, so_far
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
    machine_set: which set of machines measures; None where there is one.
    """

    run: Run
    contract: Contract
    database: Database
    launcher: Launcher
    store: Store
    listener: Listener
    machine_set: str | None = None

    @property
    def entries(self) -> list[Entry]:
        """The entries that passed their checks, in the plan's order."""
        return _entries(self.run)

    def entries_of(self, phase: Phase) -> list[Entry]:
        """Of these, the entries that the phase's condition asks for."""
        return _entries_of(self.run, phase)

    def known(self, blocks: int) -> SoFar:
        """What the run knows after so many blocks. To be asked while nothing is measured."""
        trials, _ = self.store.trials()
        return so_far(self.run, trials, blocks)


def missing_phases(run: Run, store: Store) -> list[Phase]:
    """The phases that lack a complete trial, in the plan's order."""
    return [p for p in run.plan.phases if not _is_kept(run, store, p)]


def _is_kept(run: Run, store: Store, phase: Phase) -> bool:
    entries = _entries_of(run, phase)
    if run.study.ramped:
        return all(store.has_cell(phase, entry) for entry in entries)
    return store.has_phase(phase, entries)


def _entries(run: Run) -> list[Entry]:
    return [entry for entry in run.plan.entries if entry.variant not in run.excluded]


def _entries_of(run: Run, phase: Phase) -> list[Entry]:
    wanted = {run.plan.entries[index].name for index in phase.orders[0]}
    return [entry for entry in _entries(run) if entry.name in wanted]
