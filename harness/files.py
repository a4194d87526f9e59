"""Files that are written whole or not at all."""

import os
from pathlib import Path


def replace(path: Path, body: bytes) -> None:
    """Write to a temporary name, sync, rename: a crash leaves the old file or the new one.

    The temporary file is a new one each time, and a rename takes a link's place rather than
    following it: whatever stands in a folder that a stranger has packed, nothing is written outside
    of it.

    Args:
        path: of the file, in a folder that exists.
        body: all of it.

    Raises:
        OSError: it cannot be written.
    """
    scratch = path.with_suffix(path.suffix + ".part")
    try:
        scratch.unlink(missing_ok=True)  # left by a crash, or a link
        with scratch.open("xb") as handle:
            handle.write(body)
            handle.flush()
            os.fsync(handle.fileno())
        scratch.rename(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
