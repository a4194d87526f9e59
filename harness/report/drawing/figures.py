"""The charts of a report, each kept as two files beside the page."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Self
from urllib.parse import quote

import msgspec

from harness.report.drawing.draw import Drawing
from harness.report.drawing.pool import drawing_pool

_PLAIN = " !$&'()*+,-./:;=?@[]^_`{|}~"
"""Characters that need no escape in a quoted address of data; Base64 would take a third more."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class Figure(msgspec.Struct, frozen=True):
    """One chart.

    stem: of its file names.
    alt: the chart's content as text.
    drawing: a worker makes it; `svg` and `png` wait for it.
    """

    stem: str
    title: str
    alt: str
    drawing: Future[Drawing]

    @property
    def svg(self) -> str:
        """The chart as SVG text."""
        return self.drawing.result().svg

    @property
    def png(self) -> bytes:
        """The chart as PNG bytes."""
        return self.drawing.result().png


class Figures:
    """Collects the charts of a report while workers draw them. Use as a context manager.

    all: the charts so far, in order.
    """

    def __init__(self) -> None:
        self._pool = drawing_pool()  # its workers begin to start
        self.all: list[Figure] = []
        self._values: list[dict[str, Any]] = []

    def add(
        self, stem: str, title: str, spec: Mapping[str, Any], alt: str, *, wide: bool = False
    ) -> dict[str, Any]:
        """Have a chart drawn; returns its values for the templates."""
        figure = Figure(
            self._unique(_NOT_IN_NAMES.sub("-", stem)), title, alt, self._pool.draw(spec)
        )
        values = {
            "title": title,
            "alt": alt,
            "wide": wide,
            "png": f"figures/{figure.stem}.png",
            "svg": f"figures/{figure.stem}.svg",
        }
        self.all.append(figure)
        self._values.append(values)
        return values

    def finish(self) -> None:
        """Wait for all drawings, and add each chart's image to its values as `uri`.

        Raises:
            DrawingFailed: a chart cannot be drawn.
        """
        for figure, values in zip(self.all, self._values, strict=True):
            values["uri"] = data_uri(figure.svg)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for figure in self.all:
                figure.drawing.cancel()
        if kind is not None and not issubclass(kind, Exception):  # a signal ends the command
            self._pool.abandon()

    def _unique(self, stem: str) -> str:
        taken = {figure.stem for figure in self.all}
        number = 2
        name = stem
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name


def data_uri(svg: str) -> str:
    """An SVG as the source of an image, where it can run no script."""
    return "data:image/svg+xml," + quote(svg, safe=_PLAIN)
