"""The lock of a run's folder: one process at a time changes a run.

The kernel holds the lock (flock(2)) and frees it when the process ends, however it ends. The file
names the process, for messages only. Whoever lets go removes the file; so a file that is left shows
that its process was killed, and the next one takes over. No program that the harness starts
inherits the lock, because Python opens files so that they are closed on exec.
"""

import contextlib
import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from harness.base.errors import MalformedFile, StoreFailed, UsageError, remedy_of
from harness.base.processes import how_to_stop, typed_command

LOCK = ".lock"
"""The name of the file within the run's folder."""


class Holder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The process that uses a run.

    command: as it was typed. since: when it began, in local time.
    """

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} (`{self.command}`, since {self.since})"


class RunInUse(UsageError):
    """Another process uses the run.

    who: names the process, as far as it is known.
    """

    def __init__(self, run: str, holder: Holder | None) -> None:
        self.who = "another process" if holder is None else str(holder)
        stop = "" if holder is None else f", or stop it with `{how_to_stop(holder.pid)}`"
        super().__init__(f"The run {run} is in use by {self.who}; wait until it ends{stop}.")


@contextmanager
def changing(
    folder: Path, waiting: Callable[[RunInUse], None] | None = None
) -> Iterator[Holder | None]:
    """Keep every other process from changing a run or from reading it, within the block.

    Args:
        folder: of the run.
        waiting: is told once of another process, and its end is waited for. If None, the block is
            not entered then.

    Yields:
        The process that held the lock and was killed, if there is one.

    Raises:
        RunInUse: another process holds the lock.
        StoreFailed: the folder cannot be written.
    """
    handle = _acquired(folder, waiting)
    try:
        killed = _read_holder(handle)
        with contextlib.suppress(OSError):  # on a full disk the lock holds without a name
            os.ftruncate(handle, 0)
            os.pwrite(handle, msgspec.json.encode(_this_process()), 0)
        yield killed
    finally:
        with contextlib.suppress(OSError):  # it went with the folder
            (folder / LOCK).unlink()
        os.close(handle)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keep every other process from changing a run within the block. Nothing is written.

    A run that no process uses is read without a lock: a process that begins to measure meanwhile
    only adds files.

    Raises:
        RunInUse: another process changes it.
    """
    try:
        handle = _open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        if not _locks(handle, fcntl.LOCK_SH):
            raise RunInUse(folder.name, _read_holder(handle))
        yield
    finally:
        os.close(handle)


def _acquired(folder: Path, waiting: Callable[[RunInUse], None] | None) -> int:
    """The open lock file, locked."""
    while True:
        try:
            handle = _open(folder, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            if not _locks(handle, fcntl.LOCK_EX):
                used = RunInUse(folder.name, _read_holder(handle))
                if waiting is None:
                    raise used
                waiting(used)
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_at(handle, folder / LOCK):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # the one before removed its file after this one had opened it


def _open(folder: Path, flags: int) -> int:
    """Open the lock file. In a stranger's folder it may be a link or a pipe.

    Raises:
        MalformedFile: it is not a plain file.
    """
    path = folder / LOCK
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise MalformedFile(path, "is not a plain file; remove it.") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise MalformedFile(path, "is not a plain file; remove it.")
    return handle


def _locks(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _read_holder(handle: int) -> Holder | None:
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(os.pread(handle, 2**16, 0), type=Holder)
    return None


def _this_process() -> Holder:
    now = datetime.now().astimezone()
    return Holder(os.getpid(), typed_command(sys.orig_argv), f"{now:%Y-%m-%d %H:%M:%S}")


def _unusable(folder: Path, error: OSError) -> StoreFailed:
    return StoreFailed(
        f"{folder / LOCK} cannot be written ({error.strerror}); {remedy_of(error)}, then repeat "
        "the command."
    )
