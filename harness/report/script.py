"""The page's scripts, and the charts that they fill."""

import base64
import gzip
from contextlib import ExitStack, suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from harness.base.files import locked, replace
from harness.inputs.groups import groups_of
from harness.records.run import Run
from harness.report.charts.dots import dot_chart, name_column
from harness.report.charts.specification import Spec, colours, dashes, group_colours, on_page
from harness.report.charts.trials import latency_chart, resource_chart, trials_chart

_TEMPLATES = Path(__file__).with_name("templates")
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


def vega(cache: Path) -> str:
    """Vega-Embed with its dependencies as one script, from the cache if it is there.

    vl-convert bundles the libraries, which also draw the static charts. That takes seconds. Of
    several processes at once one does it, and the others wait.
    """
    path = cache / "page" / f"vega-embed-{version('vl-convert-python')}.js"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    with ExitStack() as stack:
        with suppress(OSError):  # without a cache, every report bundles it
            stack.enter_context(locked(cache / "vega-embed.lock"))
        if path.is_file():
            return path.read_text(encoding="utf-8")
        import vl_convert  # slow, and only reports need it

        bundle: str = vl_convert.javascript_bundle(_SNIPPET)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, bundle.encode())  # whole for good: nothing checks it when it is read
        return bundle


@lru_cache(maxsize=2)
def packed(script: str) -> str:
    """A script compressed, for the page to unpack once a chart is drawn: gzip as Base64.

    The page is a third as large, and a browser need not parse what no reader asks for. The pages of
    a site share one script, and to compress it takes a tenth of a second.
    """
    return base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode("ascii")


def page_script() -> str:
    """The page's own script."""
    return with_texts((_TEMPLATES / "page.js").read_text(encoding="utf-8"))


def with_texts(script: str) -> str:
    """A page's own script, after the texts that the scripts of all pages share."""
    return (_TEMPLATES / "texts.js").read_text(encoding="utf-8") + script


def page_charts(run: Run) -> dict[str, Spec]:
    """Specifications of the page's charts, by the names that its script uses.

    The script adds the datasets, and the title of the axis that shows the measure.
    """
    palette = colours(run.measured)
    groups = group_colours(groups_of(run.variants).values())
    column = name_column(run.variants)
    charts = {
        "absolute": dot_chart(groups, "value", ratio=False),
        "ratio": dot_chart(groups, "value"),
        "absolute-dense": dot_chart(groups, "value", ratio=False, column=column),
        "ratio-dense": dot_chart(groups, "value", column=column),
        "trials": trials_chart(palette, "value"),
        "latencies": latency_chart(palette, dashes(run.measured)),
        "resources": resource_chart(),
    }
    return {name: on_page(spec) for name, spec in charts.items()}
