"""Draws a chart: from a Vega-Lite specification to an SVG and a PNG.

As a program it draws for `pool` (see `base.channel`): a specification comes in, a drawing goes out.
Drawing takes most of a report's time, and vl-convert holds Python's lock meanwhile.
"""

import io
import re
import sys
from typing import Any

import msgspec

from harness.base.channel import receive, send

PNG_SCALE = 2.0
"""For high-resolution screens and for print."""
_COLOURS = 128
"""Colours of a PNG; a palette makes the file several times smaller, and no chart has more."""
_FIRST = {"data": {"values": [{}]}, "mark": "point"}
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that a name may have and XML may not."""


class Drawing(msgspec.Struct, frozen=True):
    """A chart as SVG text and as PNG bytes."""

    svg: str
    png: bytes


def svg_of(spec: dict[str, Any]) -> str:
    """A Vega-Lite specification as SVG text."""
    import vl_convert  # slow, and only reports need it

    svg: str = vl_convert.vegalite_to_svg(_clean(spec))
    return svg


def _clean(value: Any) -> Any:
    """Without the characters that make vl-convert abort the process."""
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
    """An SVG as PNG bytes."""
    import vl_convert
    from PIL import Image

    image = Image.open(io.BytesIO(vl_convert.svg_to_png(svg, scale=PNG_SCALE)))
    packed = io.BytesIO()
    image.quantize(_COLOURS).save(packed, "png")
    return packed.getvalue()


def main() -> None:
    """Draw one specification after the other, until standard input ends.

    The first drawing takes half a second longer, so one is made before the first request.
    """
    svg_of(_FIRST)
    specs = msgspec.msgpack.Decoder(dict[str, Any])
    while (spec := receive(sys.stdin.buffer, specs)) is not None:
        svg = svg_of(spec)
        send(sys.stdout.buffer, Drawing(svg, png_of(svg)))


if __name__ == "__main__":
    main()
