"""Draw the README's two pictures from the summaries of two kept runs.

Make the summaries first, then run
`uv run --with altair --with pillow python docs/pictures/draw.py`:

    uv run bridgetoll report results/quick-20261128-102033
    uv run bridgetoll report results/bridge-20261121-194531
"""

import io
import json
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from PIL import Image

ROOT = Path(__file__).parents[2]
QUICK = ROOT / "results/quick-20261128-102033/report/summary.json"
BRIDGE = ROOT / "results/bridge-20261121-194531/report/summary.json"

STACKS = {
    "starlette/asyncpg": "Starlette, asyncpg, SQL by hand",
    "django/sync-threads": "Django, sync views on threads",
    "aiohttp/sqlalchemy": "aiohttp, SQLAlchemy",
    "flask/sqlalchemy": "Flask, SQLAlchemy",
    "fastapi/sqlalchemy": "FastAPI, SQLAlchemy",
    "django/one-hop": "Django, async views, ORM in one hop",
    "django/async-reused-threads": "Django, async views, reused threads",
    "django/async-pool": "Django, async views, pool",
}
STEPS = {
    "django/asyncpg": "+ Django's request handling",
    "django/native-orm": "+ Django's ORM (async, no thread)",
    "django/one-hop": "sync ORM in one hop to a thread",
    "django/hop-per-query": "+ a hop per query, and one to close",
    "django/async-reused-threads": "+ Django's own request life cycle",
    "django/async-pool": "+ two threads started per request",
}
DJANGO, OTHER, LESS, TEXT = "#D55E00", "#5B6167", "#009E73", "#1a1c1e"
WIDTH = 500


def _condition(of: list[dict[str, Any]]) -> dict[str, Any]:
    """The condition that both pictures show: inserts over 32 connections."""
    wanted = {"endpoint": "io_create", "connections": 32, "rows": 1000}
    return next(c for c in of if wanted.items() <= c["condition"].items())


def stacks() -> alt.LayerChart:
    """Server CPU per insert of eight stacks, as a share of async Django's."""
    summary = json.loads(QUICK.read_text())
    measured = _condition(summary["conditions"])["comparisons"]["server_cpu_us_per_request"]
    rows = []
    for variant in measured["ranking"]:
        ratio = measured["ratios"].get(variant, {"mean": 1.0, "low": 1.0, "high": 1.0})
        tied = [
            STACKS[v].split(",")[0]
            for g in measured["groups"]
            if variant in g
            for v in g
            if v != variant
        ]
        microseconds = f"{measured['estimates'][variant]['mean']:,.0f} µs"
        text = f"{ratio['mean']:.2f}" if variant != summary["baseline"] else "1"
        rows.append(
            {
                "stack": STACKS[variant],
                "django": variant.startswith("django/"),
                "ratio": ratio["mean"],
                "low": ratio["low"],
                "high": ratio["high"],
                "text": f"{text}   ({microseconds}"
                + (f"; tied with {', '.join(tied)})" if tied else ")"),
            }
        )
    base = alt.Chart(alt.InlineData(values=rows))
    y = alt.Y("stack:N", sort=[r["stack"] for r in rows], title=None)
    x = alt.X(
        "ratio:Q",
        title="server CPU per insert; async Django = 1",
        scale=alt.Scale(domain=[0, 1.5]),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f"),
    )
    colour = alt.Color(
        "django:N", scale=alt.Scale(domain=[True, False], range=[DJANGO, OTHER]), legend=None
    )
    return alt.layer(
        base.mark_bar(height=16).encode(x=x, y=y, color=colour),
        base.mark_rule(strokeWidth=2, color=TEXT).encode(x="low:Q", x2="high:Q", y=y),
        base.mark_text(align="left", dx=8, fontSize=12, color=TEXT).encode(
            x="high:Q", y=y, text="text:N"
        ),
    ).properties(
        width=WIDTH,
        height=alt.Step(30),
        title=alt.Title(
            "One INSERT: Starlette needs a sixth of async Django's CPU, sync Django half",
            subtitle="32 connections, six blocks; black bars: 95 % intervals of the ratio",
        ),
    )


def waterfall() -> alt.LayerChart:
    """Where the CPU time of an insert in async Django goes, step by step."""
    causes = _condition(json.loads(BRIDGE.read_text())["causes"]["conditions"])
    (fall,) = causes["falls"]
    rows = [_bar("Starlette, asyncpg, SQL by hand", "level", 0.0, fall["start_us"], "")]
    reached = fall["start_us"]["mean"]
    for step in fall["steps"]:
        added = step["added_us"]
        kind = "more" if added["mean"] > 0 else "less"
        beyond = "" if step["called"] else " (no effect shown)"
        rows.append(_bar(STEPS[step["variant"]], kind, reached, added, beyond))
        reached += added["mean"]
    rows.append(_bar("Django, async views, pool", "level", 0.0, fall["end_us"], ""))
    base = alt.Chart(alt.InlineData(values=rows))
    y = alt.Y("step:N", sort=[r["step"] for r in rows], title=None)
    x = alt.X(
        "begin:Q",
        title="server CPU per insert (µs)",
        scale=alt.Scale(domain=[0, 1500]),
        axis=alt.Axis(values=list(range(0, 1500, 200))),
    )
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["level", "more", "less"], range=[OTHER, DJANGO, LESS]),
        legend=None,
    )
    return alt.layer(
        base.mark_bar(height=16).encode(x=x, x2="end:Q", y=y, color=colour),
        base.mark_rule(strokeWidth=2, color=TEXT).encode(x="low:Q", x2="high:Q", y=y),
        base.mark_text(align="left", dx=8, fontSize=12, color=TEXT).encode(
            x="right:Q", y=y, text="text:N"
        ),
    ).properties(
        width=WIDTH,
        height=alt.Step(30),
        title=alt.Title(
            "Of async Django's 1,300 µs per INSERT, starting two threads takes 410",
            subtitle="32 connections, six blocks; black bars: 95 % intervals",
        ),
    )


def _bar(step: str, kind: str, begin: float, size: dict[str, float], note: str) -> dict[str, Any]:
    sign = {"level": "", "more": "+", "less": "−"}[kind]  # noqa: RUF001 (a minus sign)
    end = begin + size["mean"]
    high = begin + size["high"]
    return {
        "step": step,
        "kind": kind,
        "begin": begin,
        "end": end,
        "low": begin + size["low"],
        "high": high,
        "right": max(begin, end, high),
        "text": f"{sign}{abs(size['mean']):,.0f}{note}",
    }


def _save(chart: alt.LayerChart, name: str) -> None:
    drawn = (
        chart.configure(background="white", padding=12, font="Liberation Sans")
        .configure_axis(labelFontSize=13, titleFontSize=13, labelLimit=300, gridColor="#e3e3e3")
        .configure_axisY(domain=False, ticks=False, labelPadding=8)
        .configure_view(stroke=None)
        .configure_title(
            anchor="start", frame="bounds", fontSize=15, subtitleFontSize=12, offset=12
        )
        .to_json()
    )
    pixels = Image.open(io.BytesIO(vl_convert.vegalite_to_png(drawn, scale=2)))
    pixels.convert("RGB").quantize(64).save(Path(__file__).parent / name, optimize=True)


if __name__ == "__main__":
    _save(stacks(), "stacks.png")
    _save(waterfall(), "waterfall.png")
