"""Causes as plain values for the templates: contrasts, waterfalls, interactions, prices, audits."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.causes.contrasts import Effect
from harness.analysis.causes.explain import Causes, ConditionCauses
from harness.analysis.causes.prices import Check, Price, PriceList
from harness.analysis.stats.intervals import Interval
from harness.inputs.factors import differences, factors_of
from harness.inputs.manifests import QUANTITIES
from harness.records.run import Run
from harness.records.verification import Audit, Toll
from harness.report.charts.causes import interaction_chart, slope_chart, waterfall_chart
from harness.report.charts.specification import colours
from harness.report.drawing.figures import Figures
from harness.report.words import causes as cause_words
from harness.report.words import conditions, numbers

_SHEET = (
    *QUANTITIES, "wakeups", "returns", "handovers", "database_bytes_out", "database_bytes_in",
    "http_bytes_in", "http_bytes_out", "voluntary_switches", "involuntary_switches",
)  # fmt: skip
"""Columns of the cost sheet."""


def causes_values(run: Run, causes: Causes, figures: Figures) -> dict[str, Any]:
    """Everything that the templates show of causes."""
    palette = colours(run.measured)
    conditions = [_condition(found, figures, palette) for found in causes.conditions]
    return {
        "verdicts": cause_words.verdicts(causes),
        "predictions": cause_words.predictions(causes),
        "conditions": {c["name"]: c for c in conditions},
        "prices": [_prices(run, found) for found in causes.prices],
        "trend": _trend(causes.trend),
        "sheet": cost_sheet(run.audits),
    }


def _condition(
    found: ConditionCauses, figures: Figures, palette: Mapping[str, str]
) -> dict[str, Any]:
    title, stem = conditions.condition_title(found.condition), found.condition.name
    charts = [
        figures.add(
            f"waterfall-{stem}",
            fall.title,
            waterfall_chart(fall),
            cause_words.fall_sentences(fall),
            wide=True,
        )
        for fall in found.falls
    ]
    charts += [
        figures.add(
            f"interaction-{stem}",
            item.title,
            interaction_chart(item),
            cause_words.interaction_sentences(item),
        )
        for item in found.interactions
    ]
    if found.slopes:
        told = " ".join(cause_words.slope_sentence(slope) for slope in found.slopes)
        charts.append(
            figures.add(
                f"hops-{stem}",
                "The price of an empty hop",
                slope_chart(found.slopes, palette),
                told,
            )
        )
    return {
        "name": found.condition.name,
        "title": title,
        "sentences": cause_words.sentences(found),
        "charts": charts,
        "declared": [_effect(effect) for effect in found.effects if effect.factor is None],
        "derived": [_effect(effect) for effect in found.effects if effect.factor is not None],
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
        "called": {None: "no noise floor", True: "yes", False: "not shown"}[effect.called],
    }


def _prices(run: Run, found: PriceList) -> dict[str, Any]:
    return {
        "title": conditions.connections(found.connections),
        "variants": found.variants,
        "rows": [_price(price) for price in sorted(found.prices, key=_tolls_first)],
        "untold": ", ".join(found.untold),
        "checks": [_check(check) for check in found.checks if _of_one_factor(run, check)],
        "told": cause_words.price_sentences(found),
        "forecasts": [
            {
                "variant": f.variant,
                "endpoint": f.endpoint,
                "measured": numbers.number(f.measured),
                "predicted": numbers.number(f.predicted),
                "error": f"{f.error:+.0%}",
            }
            for f in found.forecasts
        ],
    }


def _trend(lists: Sequence[PriceList]) -> dict[str, Any]:
    """Tolls by concurrency, from the variants that were measured at each."""
    names = dict.fromkeys(
        price.name for found in lists for price in found.prices if cause_words.is_toll(price.name)
    )
    values: list[dict[str, Any]] = []
    for name in names:
        prices: list[Interval | None] = [
            next((p.value for p in found.prices if p.name == name), None) for found in lists
        ]
        values.append({"name": name, "values": [numbers.estimate(price) for price in prices]})
    return {"connections": [found.connections for found in lists], "rows": values}


def _tolls_first(price: Price) -> bool:
    return not cause_words.is_toll(price.name)


def _price(price: Price) -> dict[str, str]:
    by = f"blocks only, from {', '.join(price.alone)} alone" if price.alone else "blocks, variants"
    return {"name": price.name, "value": numbers.estimate(price.value), "by": by}


def _of_one_factor(run: Run, check: Check) -> bool:
    """Of pairs that a price list takes for alike, those that are made alike but for one thing."""
    one, other = (factors_of(name, run.variants[name]) for name in (check.of, check.to))
    return len(differences(one, other)) == 1


def _check(check: Check) -> dict[str, str]:
    return {
        "name": check.name,
        "pair": f"{check.of} less {check.to}",
        "endpoint": check.endpoint,
        "measured": numbers.estimate(check.measured),
        "price": numbers.number(check.price),
    }


def cost_sheet(audits: Sequence[Audit]) -> dict[str, Any]:
    """What one request of each variant and endpoint takes, as it was counted."""
    return {
        "columns": [name.replace("_", " ") for name in _SHEET],
        "rows": [
            {"variant": audit.variant, "endpoint": toll.endpoint, "values": _counts(toll)}
            for audit in audits
            for toll in audit.tolls
        ],
    }


def _counts(toll: Toll) -> list[str]:
    return [numbers.number(toll.counted.get(name, 0.0)) for name in _SHEET]
