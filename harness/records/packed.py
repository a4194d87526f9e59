"""A run's trials in one file: JSON Lines, compressed by gzip, one trial per line."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from harness.base.errors import MalformedFile
from harness.records.trial import Trial
from harness.records.validate import check_trial, decode_record

PACKED = "trials.jsonl.gz"
"""The file's name in the folder of its run."""
_LARGEST = 64 * 2**20
_LARGEST_RATIO = 20
"""A file may expand to so many bytes, or to so many times its own size, if that is more. Trials
shrink to a quarter or a sixth; a decompression bomb, to a thousandth."""
_MOST_NAMED = 100
"""Damaged lines that are named one by one; further ones are counted."""


def pack_bytes(trials: Iterable[Trial]) -> bytes:
    """The content of a packed file: the same trials in the same order give the same bytes."""
    lines = b"".join(msgspec.json.encode(trial) + b"\n" for trial in trials)
    return gzip.compress(lines, compresslevel=9, mtime=0)


def read_packed(path: Path) -> Iterator[tuple[int, Trial | MalformedFile]]:
    """Read a packed file line by line.

    Args:
        path: of an existing ordinary file.

    Yields:
        The line's number, from 1, and its trial, or the error that names file and line. Where
        nothing more can be read, the last item is the error that says why.
    """
    damaged = number = 0
    try:
        for number, line in enumerate(_lines(path), start=1):
            try:
                trial = decode_record(line, Trial, path)
                check_trial(path, trial)
                yield number, trial
            except MalformedFile as error:
                damaged += 1
                if damaged > _MOST_NAMED:
                    raise MalformedFile(
                        path,
                        f"more than {_MOST_NAMED} lines are damaged, so those from line {number} "
                        "on were not read; restore the file.",
                    ) from error
                yield number, MalformedFile(path, f"line {number}: {error.problem}")
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        yield (
            number + 1,
            MalformedFile(
                path,
                f"line {number + 1} and all after it cannot be read ({reason}); restore the file.",
            ),
        )
    except MalformedFile as error:
        yield number + 1, error


def _lines(path: Path) -> Iterator[bytes]:
    """Decompress the lines one after another.

    Raises:
        MalformedFile: the file expands to more than trials can.
        OSError, EOFError, zlib.error: it cannot be read, was cut off, or is not gzip.
    """
    limit = max(_LARGEST, _LARGEST_RATIO * path.stat().st_size)
    left = limit
    with gzip.open(path) as file:
        while line := file.readline(left + 1):
            left -= len(line)
            if left < 0:
                raise MalformedFile(
                    path,
                    f"expands to more than {limit // 2**20:,} MiB, which trials do not; remove it.",
                )
            yield line
