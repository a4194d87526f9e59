"""Charts drawn, from a specification to an SVG and a PNG; as a program it draws for others.

Drawing takes most of a report's time, and the library that does it holds Python's lock meanwhile.
So others have it done by this program (see `studio`), which reads a specification per line and
writes what it has drawn.
"""

import io
import json
import re
import sys
from typing import Any

import msgspec

PNG_SCALE = 2.0
"""For screens with twice as many points, and for print."""
_COLOURS = 128
"""Few enough for a palette, which makes the files several times smaller; charts have fewer."""
_FIRST = {"data": {"values": [{}]}, "mark": "point"}
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that a name may have and no XML."""


class Drawn(msgspec.Struct, frozen=True):
    """A chart, both ways."""

    svg: str
    png: bytes


def svg_of(spec: dict[str, Any]) -> str:
    """A Vega-Lite specification, drawn."""
    import vl_convert  # slow to import, and wanted by no other command

    rendered: str = vl_convert.vegalite_to_svg(_clean(spec))
    return rendered


def _clean(value: Any) -> Any:
    """Without characters at which the library would abort its process."""
    match value:
        case str():
            return _NOT_IN_XML.sub("", value)
        case dict():
            return {_clean(key): _clean(item) for key, item in value.items()}
        case list() | tuple():
            return [_clean(item) for item in value]
        case _:
            return value


def png_of(svg: str) -> bytes:
    """The same in points."""
    import vl_convert
    from PIL import Image

    drawn = Image.open(io.BytesIO(vl_convert.svg_to_png(svg, scale=PNG_SCALE)))
    packed = io.BytesIO()
    drawn.quantize(_COLOURS).save(packed, "png")
    return packed.getvalue()


def main() -> None:
    """Draw what comes, until nothing more does.

    The first drawing takes half a second longer than others, so it is done while nobody waits.
    """
    svg_of(_FIRST)
    for line in sys.stdin.buffer:
        svg = svg_of(json.loads(line))
        sys.stdout.buffer.write(msgspec.json.encode(Drawn(svg, png_of(svg))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
