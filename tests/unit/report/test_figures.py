"""Charts as files."""

from harness.report.figures import Figures

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20">'
    '<rect width="30" height="20" fill="red"/></svg>'
)


def test_a_chart_is_kept_under_a_name_that_is_safe_in_a_file_system_and_a_link() -> None:
    figures = Figures()
    shown = figures.add("io_read-c8-r1000+w1x1-../x y", "A title", SVG, "what it shows")
    assert shown["png"] == "figures/io_read-c8-r1000-w1x1-..-x-y.png"
    assert shown["svg"].endswith(".svg")
    assert shown["uri"].startswith("data:image/svg+xml;base64,")
    assert (shown["title"], shown["alt"], shown["wide"]) == ("A title", "what it shows", False)


def test_two_charts_of_one_name_do_not_share_a_file() -> None:
    figures = Figures()
    names = [figures.add("same", "t", SVG, "a")["png"] for _ in range(3)]
    assert len(set(names)) == 3


def test_a_chart_can_be_drawn_in_points_for_screens_with_twice_as_many() -> None:
    figures = Figures()
    figures.add("one", "t", SVG, "a")
    png = figures.made[0].png()
    assert png.startswith(b"\x89PNG")
    width, height = int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
    assert (width, height) == (60, 40)
