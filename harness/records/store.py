"""A run's folder: `run.json` and its trials, each file written whole or not at all.

A live run writes a file per trial into `trials/`, so a crash costs at most the trial in progress.
`Store.pack` puts the trials of a run that is kept into one file. All functions read both forms,
also side by side, as they lie after a packed run was resumed.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from harness.base.errors import MalformedFile, StoreFailed, UnknownName, remedy_of
from harness.base.files import replace
from harness.records.packed import PACKED, pack_bytes, read_packed
from harness.records.plan import Entry, Phase
from harness.records.run import Run
from harness.records.trial import (
    Trial,
    attempt_of,
    file_name,
    first_of,
    trial_file,
    trial_stem,
)
from harness.records.validate import (
    check_belongs,
    check_run,
    check_trial,
    read_record,
    refuse_strangers,
)

_NAMESAKES = 99


class Packed(msgspec.Struct, frozen=True):
    """What `Store.pack` did.

    path: of the packed file.
    trials: how many it holds now.
    removed: files of `trials/` that it replaced.
    left: files that remain because they are damaged or not of this run, with the reason.
    """

    path: Path
    trials: int
    removed: int
    left: tuple[MalformedFile, ...]


class Kept(msgspec.Struct, frozen=True):
    """How much of a run is kept.

    trials: complete ones, of so many `planned` of the variants that passed their checks.
    blocks: those with all their trials, of so many `planned_blocks`.
    """

    trials: int
    planned: int
    blocks: int
    planned_blocks: int

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.trials == self.planned


class Store:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._packed_as: tuple[int, ...] | None = None
        self._packed_complete: dict[str, bool] = {}

    @classmethod
    def create(cls, results: Path, name: str) -> "Store":
        """Make the folder of a new run, and find out now whether it can be written.

        A name that is taken gets a number: two runs may start in the same second.

        Raises:
            StoreFailed: it cannot.
        """
        try:
            results.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(results, error, "start the run again") from error
        for number in range(1, _NAMESAKES + 1):
            store = cls(results / (name if number == 1 else f"{name}-{number}"))
            try:
                store.folder.mkdir()
                store._trials.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise _unwritable(store.folder, error, "start the run again") from error
            return store
        raise StoreFailed(
            f"{results / name} and {_NAMESAKES - 1} folders with a number after this name exist; "
            "remove some, then start the run again."
        )

    @property
    def id(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def logs(self) -> Path:
        """Where servers' standard error is kept."""
        folder = self.folder / "logs"
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise self._unkept(folder, error) from error
        return folder

    def write_run(self, run: Run) -> None:
        """Keep what describes the run."""
        self._write(self.folder / "run.json", run)

    def read_run(self) -> Run:
        """What describes the run.

        Raises:
            MalformedFile: the file is missing, damaged, of another schema version, or elsewhere.
        """
        path = self.folder / "run.json"
        refuse_strangers(path, self.folder.resolve())
        run = read_record(path, Run)
        check_run(path, run)
        return run

    def write_trial(self, trial: Trial) -> None:
        """Keep one trial; nothing that is kept is ever written over."""
        try:
            self._trials.mkdir(exist_ok=True)  # of a packed run there is none
        except OSError as error:
            raise self._unkept(self._trials, error) from error
        self._write(self._trials / trial_file(trial), trial)

    def write_requests(self, trial: Trial, archive: bytes) -> None:
        """Keep a trial's single requests; see `runner.trial_builder.Requests`."""
        path = (self.folder / "requests" / trial_file(trial)).with_suffix(".npz")
        try:
            path.parent.mkdir(exist_ok=True)
            replace(path, archive)
        except OSError as error:
            raise self._unkept(path, error) from error

    def has_phase(self, phase: Phase, entries: Sequence[Entry]) -> bool:
        """Whether the last attempt at a phase has a complete trial for each entry."""
        attempt = self.next_attempt(phase) - 1
        names = [file_name(phase.block, phase.condition, entry.name, attempt) for entry in entries]
        return all(self._is_complete(name) for name in names)

    def next_attempt(self, phase: Phase) -> int:
        """The number of the attempt that would come next, 1 being the first."""
        return self.attempts([phase])[0] + 1

    def attempts(self, phases: Sequence[Phase]) -> list[int]:
        """The number of the last attempt at each phase; 0 before the first."""
        last = self._last_attempts()
        prefixes = [f"b{phase.block:02d}-{phase.condition.name}-" for phase in phases]
        return [
            max((number for stem, number in last.items() if stem.startswith(prefix)), default=0)
            for prefix in prefixes
        ]

    def has_cell(self, phase: Phase, entry: Entry) -> bool:
        """Whether one entry's trial is complete, where entries are measured each by itself."""
        return self._holds(phase, entry, self._last_attempts())

    def next_attempt_at(self, phase: Phase, entry: Entry) -> int:
        """The number of the attempt at one entry that would come next."""
        return self.attempts_at([(phase, entry)])[0] + 1

    def attempts_at(self, cells: Sequence[tuple[Phase, Entry]]) -> list[int]:
        """The number of the last attempt at each entry in its phase; 0 before the first."""
        last = self._last_attempts()
        stems = [trial_stem(phase.block, phase.condition, e.name, 1) for phase, e in cells]
        return [last.get(stem, 0) for stem in stems]

    def kept(self, run: Run) -> Kept:
        """Count the trials that are kept complete, each by its last attempt."""
        last = self._last_attempts()
        missing: dict[int, int] = {}
        planned = 0
        for phase in run.plan.phases:
            entries = [run.plan.entries[index] for index in phase.orders[0]]
            measured = [entry for entry in entries if entry.variant not in run.excluded]
            lost = sum(not self._holds(phase, entry, last) for entry in measured)
            planned += len(measured)
            missing[phase.block] = missing.get(phase.block, 0) + lost
        return Kept(
            trials=planned - sum(missing.values()),
            planned=planned,
            blocks=sum(lost == 0 for lost in missing.values()) if planned else 0,
            planned_blocks=len(missing),
        )

    def trials(self, run: Run | None = None) -> tuple[list[Trial], list[MalformedFile]]:
        """All trials that can be read, in order of block, and an error for each that cannot.

        The errors name files within the run's folder: reports that are published show them.

        Args:
            run: whose variants the trials must be of; not looked at if None.
        """
        found, damaged = self._packed_trials(run)
        here = self.folder.resolve()
        for path in sorted(self._trials.glob("*.json")):
            try:
                refuse_strangers(path, here)
                trial = _read_trial(path)
                if run is not None:
                    check_belongs(path, trial, run)
                if found.setdefault(path.name, trial) != trial:
                    raise MalformedFile(
                        path, f"differs from the trial of the same name in {PACKED}; compare the "
                        "two and remove one.",
                    )  # fmt: skip
            except MalformedFile as error:
                damaged.append(MalformedFile(self._shown(path), error.problem))
        return [found[name] for name in sorted(found)], damaged

    def pack(self) -> Packed:
        """Put all trials into one packed file, then remove the files that it replaces.

        The packed file is read back first, and every trial compared. Files that are damaged or not
        of this run stay where they are. Without anything new to pack, nothing is written.

        Raises:
            MalformedFile: `run.json` or a packed file from before is damaged. Nothing was changed.
            StoreFailed: the file cannot be written, or is not read back as written. No trial's file
                was removed.
        """
        path = self.folder / PACKED
        trials, damaged = self.trials(self.read_run())
        if lost := [error for error in damaged if error.path == Path(PACKED)]:
            raise MalformedFile(path, lost[0].problem)
        # Only files that were read: a run that still measures may have added others meanwhile.
        names = {trial_file(trial) for trial in trials} - {error.path.name for error in damaged}
        loose = [file for file in self._trials.glob("*.json") if file.name in names]
        if loose:
            body = pack_bytes(trials)
            try:
                replace(path, body)
                _sync_folder(self.folder)
            except OSError as error:
                raise _unwritable(path, error, "pack the run again") from error
            if self._packed_trials(None) != ({trial_file(trial): trial for trial in trials}, []):
                raise StoreFailed(
                    f"{path} is not read back as it was written; every trial's file is still in "
                    f"{self._trials}. Remove {PACKED}, check the disk, then pack the run again."
                )
        for file in loose:
            try:
                file.unlink()
            except OSError as error:
                raise _unwritable(file, error, "pack the run again") from error
        with suppress(OSError):  # it has other files in it, or there is none
            self._trials.rmdir()
        return Packed(path=path, trials=len(trials), removed=len(loose), left=tuple(damaged))

    @property
    def gone(self) -> str | None:
        """What to do if the folder was taken away; None while it is there."""
        if self.folder.is_dir():
            return None
        return (
            f"{self.folder} is gone, removed or renamed during the run; rename it back and "
            f"continue with `bridgetoll run --resume {self.id}`, or start the run again."
        )

    def _unkept(self, path: Path, error: OSError) -> StoreFailed:
        """The error for something of the run that cannot be written."""
        if (gone := self.gone) is not None:
            return StoreFailed(gone)
        return _unwritable(path, error, f"continue with `bridgetoll run --resume {self.id}`")

    def _shown(self, path: Path) -> Path:
        """Within the run's folder, in characters that can be written: a name is mere bytes."""
        inside = os.fsencode(path.relative_to(self.folder))
        return Path(inside.decode("utf-8", "backslashreplace"))

    @property
    def _trials(self) -> Path:
        return self.folder / "trials"

    def _packed_trials(self, run: Run | None) -> tuple[dict[str, Trial], list[MalformedFile]]:
        """The trials of the packed file by the name that each one's own file would have."""
        found: dict[str, Trial] = {}
        damaged: list[MalformedFile] = []
        path = self.folder / PACKED
        if not os.path.lexists(path):
            return found, damaged
        try:
            refuse_strangers(path, self.folder.resolve())
        except MalformedFile as error:
            return found, [MalformedFile(Path(PACKED), error.problem)]
        for number, trial in read_packed(path):
            if isinstance(trial, MalformedFile):
                damaged.append(MalformedFile(Path(PACKED), trial.problem))
                continue
            try:
                if run is not None:
                    check_belongs(path, trial, run)
                if found.setdefault(trial_file(trial), trial) != trial:
                    raise MalformedFile(
                        path, "differs from an earlier line with the same trial; compare the two "
                        "and remove one.",
                    )  # fmt: skip
            except MalformedFile as error:
                damaged.append(MalformedFile(Path(PACKED), f"line {number}: {error.problem}"))
        return found, damaged

    def _packed_names(self) -> dict[str, bool]:
        """By name of each packed trial whether it is complete; read again once the file changed."""
        try:
            stat = (self.folder / PACKED).stat()
        except OSError:
            return {}
        signature = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if signature != self._packed_as:
            trials, _ = self._packed_trials(None)
            self._packed_complete = {name: trial.complete for name, trial in trials.items()}
            self._packed_as = signature
        return self._packed_complete

    def _stems(self) -> Iterator[str]:
        """The names of all trials that are kept, without their ending."""
        yield from (name.removesuffix(".json") for name in self._packed_names())
        yield from (path.stem for path in self._trials.glob("*.json"))

    def _last_attempts(self) -> dict[str, int]:
        """The number of the last attempt at each trial, by the stem of the first."""
        last: dict[str, int] = {}
        for stem in self._stems():
            first = first_of(stem)
            last[first] = max(attempt_of(stem), last.get(first, 0))
        return last

    def _holds(self, phase: Phase, entry: Entry, last: Mapping[str, int]) -> bool:
        """Whether the last attempt at an entry is complete; `last` of `_last_attempts`."""
        attempt = last.get(trial_stem(phase.block, phase.condition, entry.name, 1), 0)
        return self._is_complete(file_name(phase.block, phase.condition, entry.name, attempt))

    def _is_complete(self, name: str) -> bool:
        packed = self._packed_names()
        if name in packed:
            return packed[name]
        try:
            return _read_trial(self._trials / name).complete
        except MalformedFile:
            return False

    def _write(self, path: Path, record: Run | Trial) -> None:
        body = msgspec.json.format(msgspec.json.encode(record), indent=1)
        try:
            replace(path, body + b"\n")
        except OSError as error:
            raise self._unkept(path, error) from error


def find_run(results: Path, name: str) -> Store:
    """The store of a run named by its id or by its folder.

    Raises:
        UnknownName: with the runs that exist.
    """
    for folder in (results / name, Path(name)):
        with suppress(OSError):  # a name too long for a path, or a folder that may not be entered
            if (folder / "run.json").is_file():
                return Store(folder.resolve())
    raise UnknownName("run", name, list(run_ids(results)))


def run_ids(results: Path) -> Iterator[str]:
    """The runs in a results folder: folders that hold a `run.json`, whatever that is."""
    strangers = not_runs(results)
    return (path.name for path in _visible(results) if path.name not in strangers)


def not_runs(results: Path) -> dict[str, str]:
    """What else lies in a results folder, by name, and why it is no run."""
    reasons: dict[str, str] = {}
    for path in _visible(results):
        try:
            path.name.encode()
            if not path.is_dir():
                reasons[path.name] = "is no folder"
            elif all(inner.name != "run.json" for inner in path.iterdir()):
                reasons[path.name] = "holds no `run.json`"
            elif (path / "run.json").is_dir():
                reasons[path.name] = "holds a folder `run.json`, which is no record of a run"
        except UnicodeEncodeError:
            reasons[path.name] = "has a name that is not UTF-8"
        except OSError as error:
            reasons[path.name] = f"cannot be read ({error.strerror})"
    return reasons


def _visible(results: Path) -> list[Path]:
    """What the folder holds, but hidden files and a README; nothing if it cannot be read."""
    try:
        found = sorted(results.iterdir())
    except OSError:
        return []
    return [path for path in found if path.name[0] != "." and path.stem != "README"]


def _read_trial(path: Path) -> Trial:
    trial = read_record(path, Trial)
    if path.name != trial_file(trial):
        raise MalformedFile(path, "holds another trial than its name says; restore or delete it.")
    check_trial(path, trial)
    return trial


def _sync_folder(folder: Path) -> None:
    """Wait until the disk knows the new name: only then may the files that it replaces go."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError, then: str) -> StoreFailed:
    return StoreFailed(
        f"{path} cannot be written ({error.strerror}); {remedy_of(error)}, then {then}."
    )
