"""The application that a function makes, for servers that import an attribute.

BRIDGETOLL_MAKER names it: `module:function()`.
"""

import importlib
import os
from typing import Any


def _make() -> Any:
    module, _, attribute = os.environ["BRIDGETOLL_MAKER"].partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.removesuffix("()").split("."):
        found = getattr(found, part)
    return found()


application = _make()
