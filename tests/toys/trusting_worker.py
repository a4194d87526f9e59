"""A preload of Dask's workers: they trust the toys, and tell of no event that neighbours cause.

See `laboratory.trusting` and `laboratory.undisturbed`.
"""

from contextlib import ExitStack
from typing import Any

from tests.toys.laboratory import trusting, undisturbed

_stack = ExitStack()


def dask_setup(_: Any) -> None:
    """Trust from now on."""
    _stack.enter_context(trusting())
    _stack.enter_context(undisturbed())
