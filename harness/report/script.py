"""The page's scripts, the charts that they fill, and the policy that allows no other script."""

import base64
import contextlib
import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from harness.base.files import replace
from harness.report.charts.estimates import estimate_chart, ratio_chart
from harness.report.charts.specification import Spec, colours, dashes, on_page
from harness.report.charts.trials import latency_chart, resource_chart, trials_chart

_PAGE = Path(__file__).with_name("templates") / "page.js"
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


def vega(cache: Path) -> str:
    """Vega-Embed with its dependencies as one script, from the cache if it is there.

    vl-convert bundles the libraries, which also draw the static charts. That takes seconds.
    """
    path = cache / "page" / f"vega-embed-{version('vl-convert-python')}.js"
    if not path.is_file():
        import vl_convert  # slow, and only reports need it

        bundle: str = vl_convert.javascript_bundle(_SNIPPET)
        with contextlib.suppress(OSError):  # without a cache, every report bundles it
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, bundle.encode(), sync=False)
        return bundle
    return path.read_text(encoding="utf-8")


def explorer_script() -> str:
    """The explorer's own script."""
    return _PAGE.read_text(encoding="utf-8")


def page_charts(variants: Sequence[str]) -> dict[str, Spec]:
    """Specifications of the explorer's charts, by the names that its script uses.

    The script adds the datasets, and the title of the axis that shows the measure.

    Args:
        variants: in the order of their colours.
    """
    palette = colours(variants)
    charts = {
        "absolute": estimate_chart(palette),
        "ratio": ratio_chart(palette),
        "trials": trials_chart(palette),
        "latencies": latency_chart(palette, dashes(variants)),
        "resources": resource_chart(),
    }
    return {name: on_page(spec) for name, spec in charts.items()}


def policy(scripts: Sequence[str]) -> str:
    """A Content-Security-Policy: no requests, and only these scripts.

    Vega's expressions are interpreted, not compiled, so no script needs `unsafe-eval`.
    """
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts) or "'none'"
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
