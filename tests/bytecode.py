"""Bytecode that the processes of a test session share, wherever it may not lie in place."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def shared_bytecode() -> Iterator[None]:
    """Let processes that are started within the block keep what they compile, in a folder of it.

    Compiling all that it imports takes the command longer than a toy's whole run. Without
    PYTHONDONTWRITEBYTECODE nothing changes: bytecode lies beside its source.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None) is None:
        yield
        return
    folder = os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(prefix="bridgetoll-bytecode-")
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
