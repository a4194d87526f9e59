"""An arm of the implementation `django` that makes every hop in place, on the event loop.

What two arms differ in then is all but the crossing between threads. It needs
DJANGO_ALLOW_ASYNC_UNSAFE. See `tests.benchmarks.receipt_tolls`.
"""

import importlib
from typing import Any


async def _call_here(self: Any, *arguments: Any, **named: Any) -> Any:
    """Stand in for `SyncToAsync.__call__`."""
    return self.func(*arguments, **named)


application = importlib.import_module("config.asgi").application
importlib.import_module("asgiref.sync").SyncToAsync.__call__ = _call_here
