"""Files and folders that are written whole or not at all, and by one process at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.base.signals import deferred


def replace(path: Path, body: bytes, *, sync: bool = True) -> None:
    """Write to a temporary name, sync, rename: a crash leaves the old file or the new one.

    The temporary file is always new, and a rename replaces a link instead of following it. So
    nothing is written outside the folder, even if a stranger has packed it with links.

    Args:
        path: of the file, in a folder that exists.
        body: all of it.
        sync: wait until the disk has it; not needed for a file that can be made again from others.

    Raises:
        OSError: it cannot be written.
    """
    scratch = path.with_suffix(path.suffix + ".part")
    try:
        scratch.unlink(missing_ok=True)  # left by a crash, or a link
        with scratch.open("xb") as handle:
            handle.write(body)
            if sync:
                handle.flush()
                os.fsync(handle.fileno())
        scratch.rename(path)
    except BaseException:  # a signal too
        scratch.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A hidden folder beside `path`, to be filled within the block; then it gets its name.

    If the block fails, or a signal ends it, nothing is left.

    Args:
        path: where nothing is yet.

    Raises:
        OSError: it cannot be written.
    """
    # No process id: two containers may share the folder, and each has its own ids.
    scratch = path.with_name(f".{path.name}-{os.urandom(4).hex()}")
    scratch.mkdir()
    try:
        yield scratch
        with deferred():
            scratch.rename(path)
    except BaseException:  # a signal too
        shutil.rmtree(scratch, ignore_errors=True)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes that ask for this lock waiting until the block ends.

    Args:
        path: of a file for the lock alone; it and its folder are made.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
