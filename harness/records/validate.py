"""A run's files, read: they may be damaged, edited, of another version, or a stranger's work."""

import json
import re
from pathlib import Path
from typing import NoReturn

import msgspec

from harness.base.decode import convert, json_value, unreadable
from harness.base.errors import MalformedFile, plain
from harness.inputs.factors import factors_of
from harness.records.plan import DUPLICATE
from harness.records.run import SCHEMA, Run
from harness.records.trial import Trial

_TOO_LONG = re.compile(rb"[\[:,\s]-?\d{19}")
"""What may be a number that is no count of nanoseconds in three hundred years, and that arrays
cannot hold; it may also be part of a text."""
_LONGEST = 10**18
_LARGEST_SUM = 2**63 - 1
_COUNTED = frozenset({"statements", "hops", "threads", "connects"})
"""What of the audit prices are made from."""


def read_record[T: (Run, Trial)](path: Path, kind: type[T]) -> T:
    """Read a file that holds one record.

    Raises:
        MalformedFile: the file is missing, damaged, or of another schema version.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    return decode_record(body, kind, path)


def decode_record[T: (Run, Trial)](body: bytes, kind: type[T], path: Path) -> T:
    """Decode JSON as a record.

    Sound records, thousands of them, are decoded at once. A slower way then finds what is wrong
    with another.

    Args:
        body: one JSON document.
        kind: of the record.
        path: the file it comes from, for messages.

    Raises:
        MalformedFile: it is damaged, or of another schema version.
    """
    try:
        record = msgspec.json.decode(body, type=kind)
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        _explain(body, kind, path)
    if _TOO_LONG.search(body) and _has_long_number(msgspec.json.decode(body)):
        raise MalformedFile(path, "holds a number of more than 18 digits; restore or delete it.")
    return record


def _has_long_number(value: object) -> bool:
    match value:
        case dict():
            return any(_has_long_number(item) for item in value.values())
        case list():
            return any(_has_long_number(item) for item in value)
        case _:
            return isinstance(value, int | float) and abs(value) >= _LONGEST


def _shown(schema: object) -> str:
    """A version of another program, as its file has it."""
    return plain(json.dumps(schema, ensure_ascii=False))


def _explain(body: bytes, kind: type[Run] | type[Trial], path: Path) -> NoReturn:
    """Say what is wrong with a record that cannot be decoded.

    Raises:
        MalformedFile: always.
    """
    value = json_value(body, path)
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        version = "no schema version" if schema is None else f"schema version {_shown(schema)}"
        raise MalformedFile(
            path, f"has {version}, and this bridgetoll reads {SCHEMA}; use the "
            "version that wrote it, or remove it.",
        )  # fmt: skip
    convert(value, kind, path)
    raise MalformedFile(  # NaN, or half a character: Python takes it as JSON, the standard does not
        path, "is not valid JSON; restore or delete it."
    )


def check_run(path: Path, run: Run) -> None:
    """What a decoder cannot see: that the parts of a run know of each other.

    Raises:
        MalformedFile: something is named that stands nowhere, or lacks what it must have.
    """
    corners = (name for square in run.study.squares for row in square.corners for name in row)
    named = {*run.study.everyone, *corners}
    if missing := sorted(named - run.variants.keys()):
        raise MalformedFile(path, f"`variants` lacks `{missing[0]}`; restore the file.")
    folders = {run.implementation_of(name) for name in run.variants}
    if missing := sorted(folders - run.implementations.keys()):
        raise MalformedFile(path, f"`implementations` lacks `{missing[0]}`; restore the file.")
    twin = run.study.baseline + DUPLICATE
    for entry in run.plan.entries:
        if entry.variant not in run.study.everyone or entry.name not in {entry.variant, twin}:
            raise MalformedFile(
                path,
                f"`plan` has `{entry.name}`, which the study lacks; restore the file.",
            )
    if not run.study.conditions:
        raise MalformedFile(path, "`study` has no conditions; restore the file.")
    if not (run.cores.application and run.cores.database and run.cores.load):
        raise MalformedFile(path, "`cores` leaves a role without any; restore the file.")
    for square in run.study.squares:
        for name in (name for row in square.corners for name in row):
            lacking = {square.rows, square.columns} - factors_of(name, run.variants[name]).keys()
            if lacking:
                wrong = f"`study.squares` names `{min(lacking)}`, which is no factor of `{name}`"
                raise MalformedFile(path, f"{wrong}; restore the file.")
    for audit, toll in ((a, toll) for a in run.audits for toll in a.tolls):
        unknown = {"statements"} & set(audit.uncounted)
        if missing := sorted(_COUNTED - toll.counted.keys() - unknown):
            raise MalformedFile(path, f"`audits` lacks a count of {missing[0]}; restore the file.")
    for phase in run.plan.phases:
        if not phase.orders:
            raise MalformedFile(path, "`plan` has a phase without orders; restore the file.")
        if not 1 <= phase.block <= len(run.plan.starts):
            lost = f"`plan` has a phase of block {phase.block}, which `starts` lacks"
            raise MalformedFile(path, f"{lost}; restore the file.")
    places = range(len(run.plan.entries))
    for order in (*run.plan.starts, *(o for phase in run.plan.phases for o in phase.orders)):
        if any(index not in places for index in order):
            raise MalformedFile(path, "`plan` orders an entry that it lacks; restore the file.")


def check_trial(path: Path, trial: Trial) -> None:
    """Likewise: that its histograms are some, and that a problem says something.

    Raises:
        MalformedFile: naming the key.
    """
    from harness.records.histogram import is_readable  # numpy; `bridgetoll list` must start at once

    for key in ("latency_hdr", "lag_hdr"):
        if not is_readable(getattr(trial, key)):
            raise MalformedFile(path, f"`{key}` is no HDR histogram; restore or delete it.")
    besides = [s.window.beside for s in trial.slices if s.window and s.window.beside]
    counted = sum(s.correct + s.reconnects + sum(s.errors.values()) for s in trial.slices)
    counted += sum(beside.correct + sum(beside.errors.values()) for beside in besides)
    if counted > _LARGEST_SUM:
        raise MalformedFile(path, "`slices` count more than 64 bits hold; restore or delete it.")
    if trial.problem is not None and not trial.problem.strip():
        raise MalformedFile(path, "`problem` is empty; restore or delete it.")
    if any(not event.detail.strip() for event in trial.events):
        raise MalformedFile(path, "`events` has one without `detail`; restore or delete it.")
    if any(event.seconds is not None and event.seconds < 0 for event in trial.events):
        raise MalformedFile(path, "`events` has negative `seconds`; restore or delete it.")


def check_belongs(path: Path, trial: Trial, run: Run) -> None:
    """A trial of another run, or of nothing that this one planned, is none of its evidence.

    Raises:
        MalformedFile: naming what the run does not have.
    """
    entries = {entry.name: entry.variant for entry in run.plan.entries}
    if trial.variant not in run.variants or trial.entry not in entries:
        name = trial.entry if trial.variant in run.variants else trial.variant
        raise MalformedFile(path, f"is of `{name}`, which the run does not have; remove it.")
    if trial.variant in run.excluded:
        raise MalformedFile(path, f"is of `{trial.variant}`, which was not measured; remove it.")
    wrong = {
        f"run {trial.run}": trial.run != run.id,
        f"entry {trial.entry} of {trial.variant}": entries[trial.entry] != trial.variant,
        f"condition {trial.condition.name}": trial.condition not in run.study.conditions,
        f"block {trial.block}": not 1 <= trial.block <= run.study.blocks,
    }
    for what, is_wrong in wrong.items():
        if is_wrong:
            raise MalformedFile(path, f"is of {what}, which is not this run's; remove it.")


def refuse_strangers(path: Path, folder: Path) -> None:
    """Only files of the run's own folder are read, because that may be a stranger's work: a link
    would put other files of this machine into a report, and a pipe would be waited for for ever.
    """
    if not path.resolve().is_relative_to(folder):
        raise MalformedFile(
            path, "is a symbolic link out of the run's folder; put the file itself in its place."
        )
    if path.exists() and not path.is_file():
        raise MalformedFile(path, "is no ordinary file; remove it.")
