"""Charts as files of their own, beside the page that holds them too."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import msgspec

from harness.report.charts.intervals import data_uri
from harness.report.drawing.draw import Drawn
from harness.report.drawing.studio import studio

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")


class Figure(msgspec.Struct, frozen=True):
    """One chart. stem: of its file names. alt: what it shows, for those who do not see it.

    drawn: in some process; whoever asks waits for it.
    """

    stem: str
    title: str
    alt: str
    drawn: Future[Drawn]

    @property
    def svg(self) -> str:
        """As lines."""
        return self.drawn.result().svg

    @property
    def png(self) -> bytes:
        """As points."""
        return self.drawn.result().png


class Figures:
    """All charts of a report, as they are made."""

    def __init__(self) -> None:
        self._studio = studio()  # which begins to get ready
        self.made: list[Figure] = []
        self._shown: list[dict[str, Any]] = []

    def add(
        self, stem: str, title: str, spec: Mapping[str, Any], alt: str, *, wide: bool = False
    ) -> dict[str, Any]:
        """Keep a chart, and have it drawn; what comes back is what the templates show of it."""
        figure = Figure(self._unique(_OTHER.sub("-", stem)), title, alt, self._studio.draw(spec))
        shown = {
            "title": title,
            "alt": alt,
            "wide": wide,
            "png": f"figures/{figure.stem}.png",
            "svg": f"figures/{figure.stem}.svg",
        }
        self.made.append(figure)
        self._shown.append(shown)
        return shown

    def finish(self) -> None:
        """Wait for the drawings, and give each chart that is shown its image, as `uri`.

        Raises:
            DrawingFailed: one cannot be drawn.
        """
        for figure, shown in zip(self.made, self._shown, strict=True):
            shown["uri"] = data_uri(figure.svg)

    def _unique(self, stem: str) -> str:
        taken = {figure.stem for figure in self.made}
        number = 2
        name = stem
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name
