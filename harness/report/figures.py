"""Charts as files of their own, beside the page that holds them too."""

import io
import re
from typing import Any

import msgspec

from harness.report.charts import data_uri

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
PNG_SCALE = 2.0
"""For screens with twice as many points, and for print."""
_COLOURS = 128
"""Few enough for a palette, which makes the files several times smaller; charts have fewer."""


class Figure(msgspec.Struct, frozen=True):
    """One chart. stem: of its file names. alt: what it shows, for those who do not see it."""

    stem: str
    title: str
    svg: str
    alt: str

    def png(self) -> bytes:
        """Drawn in points."""
        import vl_convert  # slow to import, and wanted by no other command
        from PIL import Image

        drawn = Image.open(io.BytesIO(vl_convert.svg_to_png(self.svg, scale=PNG_SCALE)))
        packed = io.BytesIO()
        drawn.quantize(_COLOURS).save(packed, "png")
        return packed.getvalue()


class Figures:
    """All charts of a report, as they are made."""

    def __init__(self) -> None:
        self.made: list[Figure] = []

    def add(
        self, stem: str, title: str, svg: str, alt: str, *, wide: bool = False
    ) -> dict[str, Any]:
        """Keep a chart; what comes back is what the templates show of it."""
        figure = Figure(self._unique(_OTHER.sub("-", stem)), title, svg, alt)
        self.made.append(figure)
        return {
            "title": title,
            "uri": data_uri(svg),
            "alt": alt,
            "wide": wide,
            "png": f"figures/{figure.stem}.png",
            "svg": f"figures/{figure.stem}.svg",
        }

    def _unique(self, stem: str) -> str:
        taken = {figure.stem for figure in self.made}
        number = 2
        name = stem
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name
