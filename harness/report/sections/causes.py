"""Causes as plain values for the templates: contrasts, waterfalls, squares, prices, cost sheet."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.causes.contrasts import Effect
from harness.analysis.causes.explain import Causes, ConditionCauses
from harness.analysis.causes.prices import Check, Price, PriceList, of_one_factor
from harness.analysis.stats.intervals import Interval
from harness.inputs import conditions
from harness.inputs.manifests import QUANTITIES
from harness.records.run import Run
from harness.records.verification import Audit, Toll
from harness.report.charts.causes import interaction_chart, slope_chart, waterfall_chart
from harness.report.charts.specification import colours
from harness.report.drawing.figures import Figures
from harness.report.words import causes as cause_words
from harness.report.words import numbers
from harness.report.words.changes import step_names
from harness.report.words.sentences import capital

_WIDTH = 640
"""Pixels of a waterfall."""
_SHEET = (
    *QUANTITIES, "wakeups", "returns", "handovers", "database_bytes_out", "database_bytes_in",
    "http_bytes_in", "http_bytes_out", "voluntary_switches", "involuntary_switches",
)  # fmt: skip
"""Columns of the cost sheet."""


def causes_values(
    run: Run, causes: Causes, figures: Figures, *, shown: bool = False
) -> dict[str, Any]:
    """Everything about causes that the templates show.

    Args:
        run, causes: what was measured, and its causes.
        figures: collects the charts.
        shown: whether the first waterfall of each condition stands elsewhere already.
    """
    palette = colours(run.measured)
    sections = [
        _condition(run, causes, item, figures, palette, shown) for item in causes.conditions
    ]
    return {
        "predictions": cause_words.predictions(causes),
        "conditions": {section["name"]: section for section in sections},
        "prices": [_prices(run, prices) for prices in causes.prices],
        "trend": _trend(causes.trend),
        "sheet": cost_sheet(run.audits),
    }


def _condition(
    run: Run,
    all_causes: Causes,
    causes: ConditionCauses,
    figures: Figures,
    palette: Mapping[str, str],
    shown: bool,
) -> dict[str, Any]:
    title, stem = conditions.condition_title(causes.condition), causes.condition.name
    brief = conditions.brief(causes.condition, [c.condition for c in all_causes.conditions])
    charts = [
        figures.add(
            f"waterfall-{stem}",
            fall.title,
            waterfall_chart(fall, step_names(run, fall), _WIDTH),
            cause_words.fall_sentences(fall, step_names(run, fall)),
            wide=True,
        )
        for fall in (causes.falls[1:] if shown else causes.falls)
    ]
    charts += [
        figures.add(
            f"interaction-{stem}",
            item.title,
            interaction_chart(item),
            cause_words.interaction_sentences(item),
        )
        for item in causes.interactions
    ]
    if causes.slopes:
        text = " ".join(cause_words.slope_sentence(slope) for slope in causes.slopes)
        charts.append(
            figures.add(
                f"hops-{stem}",
                "The price of an empty hop",
                slope_chart(causes.slopes, palette),
                text,
            )
        )
    return {
        "name": stem,
        "title": title,
        "brief": capital(brief),
        "sentences": cause_words.sentences(run, causes),
        "charts": charts,
        "declared": [_effect(effect) for effect in causes.effects if effect.factor is None],
        "derived": [_effect(effect) for effect in causes.effects if effect.factor is not None],
    }


def _effect(effect: Effect) -> dict[str, str]:
    contrast = effect.contrast
    pair = f"{contrast.of} / {contrast.to}"
    if contrast.against is not None:
        pair = f"({pair}) / ({contrast.against.of} / {contrast.against.to})"
    return {
        "title": contrast.title,
        "pair": pair,
        "bundle": "several factors at once" if contrast.bundle else "",
        "cpu": numbers.ratio(effect.cpu),
        "throughput": numbers.ratio(effect.throughput),
        "called": {None: "one block", True: "yes", False: "not shown"}[effect.called],
    }


def _prices(run: Run, prices: PriceList) -> dict[str, Any]:
    return {
        "title": conditions.connections(prices.connections),
        "variants": prices.variants,
        "rows": [_price(price) for price in sorted(prices.prices, key=_tolls_first)],
        "untold": ", ".join(prices.untold),
        "checks": [_check(check) for check in prices.checks if of_one_factor(run, check)],
        "accuracy": cause_words.price_sentences(prices),
        "forecasts": [
            {
                "variant": f.variant,
                "endpoint": f.endpoint,
                "measured": numbers.number(f.measured),
                "predicted": numbers.number(f.predicted),
                "error": f"{f.error:+.0%}",
            }
            for f in prices.forecasts
        ],
    }


def _trend(lists: Sequence[PriceList]) -> dict[str, Any]:
    """Prices of tolls by concurrency, from the variants that have every concurrency."""
    names = dict.fromkeys(
        price.name for prices in lists for price in prices.prices if cause_words.is_toll(price.name)
    )
    values: list[dict[str, Any]] = []
    for name in names:
        by_list: list[Interval | None] = [
            next((p.value for p in prices.prices if p.name == name), None) for prices in lists
        ]
        values.append({"name": name, "values": [numbers.estimate(price) for price in by_list]})
    return {"connections": [prices.connections for prices in lists], "rows": values}


def _tolls_first(price: Price) -> bool:
    return not cause_words.is_toll(price.name)


def _price(price: Price) -> dict[str, str]:
    needed = ", ".join(price.alone)
    by = f"blocks; not identified without {needed}" if needed else "blocks, variants"
    return {"name": price.name, "value": numbers.estimate(price.value), "by": by}


def _check(check: Check) -> dict[str, str]:
    return {
        "name": check.name,
        "pair": f"{check.of} less {check.to}",
        "endpoint": check.endpoint,
        "measured": numbers.estimate(check.measured),
        "price": numbers.number(check.price),
    }


def cost_sheet(audits: Sequence[Audit]) -> dict[str, Any]:
    """Counts per request, for each variant and endpoint, from the audit."""
    return {
        "columns": [name.replace("_", " ") for name in _SHEET],
        "rows": [
            {"variant": audit.variant, "endpoint": toll.endpoint, "values": _counts(audit, toll)}
            for audit in audits
            for toll in audit.tolls
        ],
        "uncounted": cause_words.uncounted(audits),
    }


def _counts(audit: Audit, toll: Toll) -> list[str]:
    return [
        "unknown" if name in audit.uncounted else numbers.number(toll.counted.get(name, 0.0))
        for name in _SHEET
    ]
