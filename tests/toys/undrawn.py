"""Reports whose charts are not drawn: their specifications are made, and that is quick."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec

from harness.report.drawing import figures
from harness.report.drawing.draw import Drawing


class _Pool:
    """Encodes each specification, as the real one does to pass it on, and draws nothing."""

    def draw(self, spec: Mapping[str, Any]) -> Future[Drawing]:
        msgspec.json.encode(spec)
        drawn: Future[Drawing] = Future()
        drawn.set_result(Drawing('<svg xmlns="http://www.w3.org/2000/svg"/>', b"\x89PNG"))
        return drawn

    def abandon(self) -> None:
        """There are no workers."""


@contextmanager
def undrawn() -> Iterator[None]:
    """Within the block no chart is drawn."""
    with patch.object(figures, "drawing_pool", _Pool):
        yield
