from xml.etree import ElementTree

from harness.report.drawing.draw import PNG_SCALE, png_of, svg_of
from tests.toys.charts import SPEC

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20">'
    '<rect width="30" height="20" fill="red"/></svg>'
)


def test_a_specification_becomes_an_svg() -> None:
    assert ElementTree.fromstring(svg_of(SPEC)).tag.endswith("svg")


def test_a_name_with_characters_that_no_xml_has_is_drawn_all_the_same() -> None:
    drawn = svg_of(SPEC | {"title": "a\x01b\x1f\ufffe"})
    assert "ab" in " ".join(ElementTree.fromstring(drawn).itertext())


def test_points_are_for_screens_with_twice_as_many() -> None:
    png = png_of(SVG)
    assert png.startswith(b"\x89PNG")
    size = int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
    assert size == (30 * PNG_SCALE, 20 * PNG_SCALE)
