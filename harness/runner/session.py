"""A run, carried out: environments, database, verification, then block after block."""

from contextlib import ExitStack
from pathlib import Path

from harness.analysis.labels.attempts import disturbances, mostly_noisy
from harness.audit.bench import Bench
from harness.audit.count import audit
from harness.audit.verify import verify
from harness.base.errors import RunFailed
from harness.inputs.catalog import Catalog
from harness.inputs.contract import Contract
from harness.inputs.manifests import Variant
from harness.inputs.study import Study
from harness.lab.environments import prepare
from harness.lab.machine import pinned
from harness.lab.postgres.database import Database
from harness.load.locust.driver import prepare_locust
from harness.records.plan import Entry, Phase, Plan
from harness.records.run import Cores, Run
from harness.records.store import Store
from harness.records.trial import Trial
from harness.records.verification import Audit, Verification
from harness.runner.instruments import Instruments
from harness.runner.legs import Legs
from harness.runner.listener import Listener
from harness.runner.locust_cells.cells import Cells
from harness.runner.phase import PhaseRunner
from harness.runner.servers import Launcher
from harness.runner.stopping import Stopper
from harness.runner.trial_builder import Server


class Session:
    """One execution of a study, or what is left of it.

    Args:
        study, plan: what to do.
        catalog, contract: what there is.
        cores: who runs where.
        store: where trials are kept.
        cache: where environments are kept.
        listener: who is told.
    """

    def __init__(
        self,
        study: Study,
        plan: Plan,
        catalog: Catalog,
        contract: Contract,
        cores: Cores,
        store: Store,
        cache: Path,
        listener: Listener,
    ) -> None:
        self.study = study
        self.plan = plan
        self._catalog = catalog
        self._contract = contract
        self.cores = cores
        self._store = store
        self._cache = cache
        self._listener = listener
        self.launcher = Launcher(study, catalog, cores, store.logs, listener)
        self.problems: list[str] = []
        self.locust: Path | None = None

    def prepare(self) -> None:
        """Make every environment that the study needs."""
        for name in dict.fromkeys(e.variant for e in self.plan.entries):
            implementation = self._catalog.implementations[self._variant(name).implementation]
            if implementation.name not in self.launcher.pythons:
                self._listener.step(f"environment of {implementation.name}")
                self.launcher.pythons[implementation.name] = prepare(self._cache, implementation)
        if self.study.ramped:
            self._listener.step("environment of Locust")
            self.locust = prepare_locust(self._cache)

    def examine(self, database: Database) -> list[tuple[Verification, Audit]]:
        """Check every variant of the study once: that it does its work, and as its label says.

        CPU time is left to the trials, which measure it better.
        """
        bench = Bench(
            contract=self._contract,
            database=database,
            servers=self._catalog.servers,
            logs=self._store.logs,
        )
        found: list[tuple[Verification, Audit]] = []
        for name in dict.fromkeys(e.variant for e in self.plan.entries):
            variant = self._variant(name)
            python = self.launcher.pythons[variant.implementation]
            self._listener.step(f"verifying {name}")
            verification = verify(bench, variant, python)
            self._listener.verified(verification)
            self._listener.step(f"auditing {name}")
            audited = audit(bench, variant, python, cpu=False)
            for problem in audited.problems:
                self._listener.problem(f"{name}: {problem}")
            found.append((verification, audited))
        return found

    def measure(self, database: Database, run: Run) -> None:
        """Run every phase of which not every trial is kept complete, until it is enough.

        The harness itself stays off the application's cores meanwhile. What could not be completed
        is then in `problems`.

        Raises:
            RunFailed: there is nothing to run.
        """
        entries = [e for e in self.plan.entries if e.variant not in run.excluded]
        if not entries:
            raise RunFailed("No variant passed its checks, so nothing was measured; see above.")
        if self.study.ramped:
            cells = Cells(run, self._contract, self.launcher, database, self._store, self._listener)
            assert self.locust is not None
            cells.measure(entries, self.locust)
            self.problems += cells.problems
            return
        with (
            pinned({*self.cores.load, *self.cores.database}),
            Instruments(self.study, database, self.cores, self._store.logs) as instruments,
        ):
            stopper = Stopper(run, self._store)
            for block in range(1, self.study.blocks + 1):
                if reason := stopper.reason(block - 1):
                    self._listener.step(f"no further block, because {reason}")
                    return
                phases = [p for p in self.plan.phases if p.block == block]
                missing = [p for p in phases if not self._store.has_phase(p, self._of(p, entries))]
                for together in self._sharing_servers(missing):
                    self._run_block(run, together, entries, database, instruments)
                if missing:
                    stopper.block_done()

    def _sharing_servers(self, phases: list[Phase]) -> list[list[Phase]]:
        """Those of a block that are measured on the same starts."""
        if self.study.fresh == "condition":
            return [[phase] for phase in phases]
        return [phases] if phases else []

    def _of(self, phase: Phase, entries: list[Entry]) -> list[Entry]:
        """Those that its condition asks for."""
        wanted = {self.plan.entries[index].name for index in phase.orders[0]}
        return [entry for entry in entries if entry.name in wanted]

    def _run_block(
        self,
        run: Run,
        phases: list[Phase],
        entries: list[Entry],
        database: Database,
        instruments: Instruments,
    ) -> None:
        """All servers fresh and alive together, condition after condition."""
        block = phases[0].block
        if self.study.fresh == "condition":
            entries = self._of(phases[0], entries)
        self._listener.step(f"block {block}: starting {len(entries)} servers")
        with ExitStack() as stack:
            order = [self.plan.entries[index] for index in self.plan.starts[block - 1]]
            launched = [e for e in order if e in entries]
            legs = Legs(instruments.injector)
            legs.shorten()
            servers = [
                self.launcher.launch(block, entry, database, legs, stack) for entry in launched
            ]
            for server in servers:
                self.launcher.await_ready(server)
            for phase in phases:
                trials = self._run_phase(run, phase, servers, database, instruments)
                if mostly_noisy(run, trials) and self._reruns_left():
                    self._listener.step(f"block {block}: {phase.condition.name} was noisy, again")
                    self._run_phase(run, phase, servers, database, instruments)
            self._listener.step(f"block {block}: stopping the servers")
            for server in servers:
                server.running.ask_to_stop()

    def _run_phase(
        self,
        run: Run,
        phase: Phase,
        servers: list[Server],
        database: Database,
        instruments: Instruments,
    ) -> list[Trial]:
        runner = PhaseRunner(
            phase, self.plan, self.study, self._contract, database, instruments, self._listener,
            run.generator_ceiling_per_s,
        )  # fmt: skip
        trials: list[Trial] = []
        for trial, requests in runner.run(self._store.id, self._store.next_attempt(phase), servers):
            self._store.write_trial(trial)
            if requests is not None:
                self._store.write_requests(trial, requests.compressed())
            self._note(trial)
            trials.append(trial)
        if noticed := disturbances(run, trials):
            where = f"block {phase.block}, {phase.condition.name}"
            self._listener.noticed(f"{where}: {noticed}")
        return trials

    def _reruns_left(self) -> bool:
        """Counted on disk, so that resuming a run does not grant it more."""
        repeated = sum(
            self._store.next_attempt(phase) - 2
            for phase in self.plan.phases
            if self._store.next_attempt(phase) > 2
        )
        return repeated < self.study.reruns

    def _note(self, trial: Trial) -> None:
        if trial.problem is not None:
            where = f"{trial.entry}, {trial.condition.name}, block {trial.block}"
            self.problems.append(f"{where}: {trial.problem}")

    def _variant(self, name: str) -> Variant:
        return self._catalog.variant(name)
