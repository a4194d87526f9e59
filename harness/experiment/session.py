"""A run, carried out: environments, database, verification, then block after block."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from harness.audit.findings import Verification
from harness.audit.verify import Bench, verify
from harness.catalog import Catalog
from harness.contract import Contract
from harness.errors import RunFailed, ServerFailed
from harness.experiment.phase import PhaseRunner, Server
from harness.experiment.plan import Entry, Phase, Plan
from harness.experiment.records import Trial
from harness.experiment.store import Store
from harness.lab.database import Database
from harness.lab.environments import prepare
from harness.lab.servers import await_ready, launch_server
from harness.load.generator import Generator
from harness.model import Cores, Settings, Variant
from harness.study import Study


class Listener(Protocol):
    """Who is told how the run goes; the command line shows it."""

    def step(self, what: str) -> None:
        """Something that is not a trial begins."""

    def verified(self, verification: Verification) -> None:
        """A variant has been checked."""

    def progress(self, phase: Phase, entry: str, done_slices: int, throughput: float) -> None:
        """A slice has ended; `done_slices` counts those of the whole run."""

    def problem(self, what: str) -> None:
        """Something went wrong, and the run goes on."""


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
        self._pythons: dict[str, Path] = {}
        self.problems: list[str] = []

    def prepare(self) -> None:
        """Make every environment that the study needs."""
        for name in dict.fromkeys(e.variant for e in self.plan.entries):
            implementation = self._catalog.implementations[self._variant(name).implementation]
            if implementation.name not in self._pythons:
                self._listener.step(f"environment of {implementation.name}")
                self._pythons[implementation.name] = prepare(self._cache, implementation)

    def verify(self, database: Database) -> list[Verification]:
        """Check every variant of the study once."""
        bench = Bench(
            contract=self._contract,
            database=database,
            servers=self._catalog.servers,
            logs=self._store.logs,
        )
        found: list[Verification] = []
        for name in dict.fromkeys(e.variant for e in self.plan.entries):
            self._listener.step(f"verifying {name}")
            variant = self._variant(name)
            found.append(verify(bench, variant, self._pythons[variant.implementation]))
            self._listener.verified(found[-1])
        return found

    def measure(self, database: Database, excluded: Mapping[str, str]) -> None:
        """Run every phase that is not kept yet.

        Raises:
            RunFailed: at the end, if some trial could not be completed or nothing could be run.
        """
        entries = [e for e in self.plan.entries if e.variant not in excluded]
        if not entries:
            raise RunFailed("No variant passed verification, so nothing was measured; see above.")
        with Generator(self.cores.load, self._store.logs / "generator.log") as generator:
            for block in range(1, self.study.blocks + 1):
                phases = [p for p in self.plan.phases if p.block == block]
                missing = [p for p in phases if not self._is_kept(p, entries)]
                if missing:
                    self._run_block(block, missing, entries, database, generator)
        if self.problems:
            raise RunFailed(
                f"{len(self.problems)} trials could not be completed; everything measured is kept "
                f"in {self._store.folder.name}. The first: {self.problems[0]}"
            )

    def _is_kept(self, phase: Phase, entries: list[Entry]) -> bool:
        return all(self._store.has_trial(phase, entry) for entry in entries)

    def _run_block(
        self,
        block: int,
        phases: list[Phase],
        entries: list[Entry],
        database: Database,
        generator: Generator,
    ) -> None:
        """All servers fresh and alive together, condition after condition."""
        self._listener.step(f"block {block}: starting {len(entries)} servers")
        with ExitStack() as stack:
            servers = [self._launch(block, entry, database, stack) for entry in entries]
            for server in servers:
                self._await(server)
            for phase in phases:
                runner = PhaseRunner(
                    phase, self.plan, self.study, self._contract, database, generator,
                    self._listener,
                )  # fmt: skip
                for entry, trial in runner.run(self._store.id, servers):
                    self._store.write_trial(phase, entry, trial)
                    self._note(trial)
            self._listener.step(f"block {block}: stopping the servers")

    def _launch(self, block: int, entry: Entry, database: Database, stack: ExitStack) -> Server:
        variant = self._variant(entry.variant)
        settings = self._settings(database.login(entry.name))
        log = (
            self._store.logs / f"b{block:02d}-{entry.name.replace('/', '.').replace('#', '_')}.log"
        )
        running = launch_server(
            variant,
            self._catalog.servers[variant.server],
            self._pythons[variant.implementation],
            settings,
            workers=self.study.server.workers,
            threads=self.study.server.threads,
            log=log,
            cpus=self.cores.application,
        )
        stack.enter_context(running)
        keep_alive = self._catalog.servers[variant.server].keep_alive
        return Server(entry, running, settings, keep_alive=keep_alive)

    def _await(self, server: Server) -> None:
        try:
            await_ready(server.running)
        except ServerFailed as error:
            server.problem = str(error)
            self._listener.problem(str(error))

    def _settings(self, database_url: str) -> Settings:
        values = self.study.server
        return Settings(
            database_url=database_url,
            pool_size=values.pool_size,
            pool_timeout_s=values.pool_timeout_s,
            cpu_iterations=values.cpu_iterations,
            wait_ms=values.wait_ms,
        )

    def _note(self, trial: Trial) -> None:
        if trial.problem is not None:
            where = f"{trial.entry}, {trial.condition.name}, block {trial.block}"
            self.problems.append(f"{where}: {trial.problem}")

    def _variant(self, name: str) -> Variant:
        return self._catalog.variant(name)
