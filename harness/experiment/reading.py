"""A run's files, read: they may be damaged, edited, of another version, or a stranger's work."""

import re
from pathlib import Path

import msgspec

from harness.analysis.histogram import is_readable
from harness.decode import convert, json_value
from harness.errors import MalformedFile
from harness.records import SCHEMA, Run, Trial

_TOO_LONG = re.compile(rb"[\[:,\s]-?\d{19}")
"""A number that is no count of nanoseconds in three hundred years, and that arrays cannot hold."""


def read_record[T: (Run, Trial)](path: Path, kind: type[T]) -> T:
    """A file as its record.

    Sound files, thousands of them, are decoded at once; whatever is wrong with another is then
    found and said by the slower way.

    Raises:
        MalformedFile: the file is missing, damaged, or of another schema version.
    """
    try:
        body = path.read_bytes()
        record = msgspec.json.decode(body, type=kind)
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        return _explained(path, kind)
    if _TOO_LONG.search(body):
        raise MalformedFile(
            path, "holds a number of more than 18 digits; restore or delete the file."
        )
    return record


def _explained[T: (Run, Trial)](path: Path, kind: type[T]) -> T:
    value = json_value(path)
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise MalformedFile(
            path, f"has schema version {schema!r}, and this bridgetoll reads {SCHEMA}; use the "
            "version that wrote it, or remove the file.",
        )  # fmt: skip
    return convert(value, kind, path)


def check_run(path: Path, run: Run) -> None:
    """What a decoder cannot see: that the parts of a run know of each other.

    Raises:
        MalformedFile: a variant is named that stands nowhere, or its implementation does not.
    """
    named = {*run.study.everyone, *(entry.variant for entry in run.plan.entries)}
    if missing := sorted(named - run.variants.keys()):
        raise MalformedFile(path, f"`variants` lacks `{missing[0]}`; restore the file.")
    folders = {name.partition("/")[0] for name in run.variants}
    if missing := sorted(folders - run.implementations.keys()):
        raise MalformedFile(path, f"`implementations` lacks `{missing[0]}`; restore the file.")


def check_trial(path: Path, trial: Trial) -> None:
    """Likewise: that its histograms are some, and that a problem says something.

    Raises:
        MalformedFile: naming the key.
    """
    for key in ("latency_hdr", "lag_hdr"):
        if not is_readable(getattr(trial, key)):
            raise MalformedFile(path, f"`{key}` is no HDR histogram; restore or delete the file.")
    if trial.problem is not None and not trial.problem.strip():
        raise MalformedFile(path, "`problem` is empty; restore or delete the file.")


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
