"""A preload of Dask's workers: they trust the toys; see `laboratory.trusting`."""

from contextlib import ExitStack
from typing import Any

from tests.toys.laboratory import trusting

_stack = ExitStack()


def dask_setup(_: Any) -> None:
    """Trust from now on."""
    _stack.enter_context(trusting())
