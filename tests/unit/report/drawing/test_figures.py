"""Charts as files."""

from urllib.parse import unquote

from harness.report.drawing.figures import Figures, data_uri
from tests.toys.charts import SPEC


def test_a_chart_is_kept_under_a_name_that_is_safe_in_a_file_system_and_a_link() -> None:
    figures = Figures()
    shown = figures.add("io_read-c8-r1000+w1x1-../x y", "A title", SPEC, "what it shows")
    assert shown["png"] == "figures/io_read-c8-r1000-w1x1-..-x-y.png"
    assert shown["svg"].endswith(".svg")
    assert (shown["title"], shown["alt"], shown["wide"]) == ("A title", "what it shows", False)
    figures.finish()
    assert shown["uri"].startswith("data:image/svg+xml,")


def test_two_charts_of_one_name_do_not_share_a_file() -> None:
    figures = Figures()
    names = [figures.add("same", "t", SPEC, "a")["png"] for _ in range(3)]
    assert len(set(names)) == 3


def test_a_chart_is_kept_as_svg_and_as_png() -> None:
    figures = Figures()
    figures.add("one", "t", SPEC, "a")
    (figure,) = figures.all
    assert figure.svg.startswith("<svg")
    assert figure.png.startswith(b"\x89PNG")


def test_a_data_uri_holds_the_svg_itself() -> None:
    kind, _, body = data_uri('<svg a="#1 %">é</svg>').partition(",")
    assert kind == "data:image/svg+xml"
    assert unquote(body) == '<svg a="#1 %">é</svg>'
    assert not set('<>"#') & set(body)
