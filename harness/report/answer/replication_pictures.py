"""The pictures of a replication: dumbbells of published and measured ratios to the baseline."""

from collections.abc import Callable

import msgspec

from harness.analysis.locust import Gain, Ramps, pairs_of
from harness.analysis.stats.intervals import Interval
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.report.answer.hero import Hero
from harness.report.charts.dumbbells import NARROW, WIDE, Dumbbell, dumbbell_chart
from harness.report.drawing.figures import Figures
from harness.report.words import numbers
from harness.report.words.ramps import compared

_WORKS = {
    "cpu": "CPU work",
    "io_create": "insert",
    "io_fanout": "five reads",
    "io_read": "read",
    "io_wait": "wait",
    "noop": "empty",
}


class _Quantity(msgspec.Struct, frozen=True):
    """What ratios are taken of.

    even: what a ratio of 1 means.
    ours: a gain's ratio here, with its interval's bounds. published: the one in print.
    """

    name: str
    even: str
    ours: Callable[[Gain], tuple[float, float | None, float | None] | None]
    published: Callable[[Ramps, tuple[str, str], Condition], float | None]


def rates_picture(run: Run, ramps: Ramps, figures: Figures) -> Hero | None:
    """Ratios of the highest rates; None without any."""
    return _picture(run, ramps, _RATES, figures)


def totals_picture(run: Run, ramps: Ramps, figures: Figures) -> Hero | None:
    """Ratios of all successes; None without any."""
    return _picture(run, ramps, _TOTALS, figures)


def _picture(run: Run, ramps: Ramps, quantity: _Quantity, figures: Figures) -> Hero | None:
    rows = _rows(run, ramps, quantity)
    if not any(row.published or row.measured for row in rows):
        return None
    beside = any(row.published is not None for row in rows)
    which = "published and measured ratios" if beside else "measured ratios"
    title = f"{quantity.name.capitalize()}: {which} to {ramps.baseline}"
    alt = f"{title}. {' '.join(_spoken(row) for row in rows)}"
    stem = f"replication-{quantity.name.replace(' ', '-')}"
    axis, even = f"ratio of {quantity.name}", f"{quantity.even} {ramps.baseline}"
    wide, narrow = (dumbbell_chart(rows, axis, even, size) for size in (WIDE, NARROW))
    return Hero(
        figures.add(stem, title, wide, alt, wide=True),
        measure=quantity.name,
        narrow=figures.add(f"{stem}-narrow", title, narrow, alt),
    )


def _rows(run: Run, ramps: Ramps, quantity: _Quantity) -> list[Dumbbell]:
    """By pair of a setup and the baseline, and by condition."""
    setups = list(dict.fromkeys(cell.setup for cell in ramps.cells))
    conditions = list(dict.fromkeys(cell.condition for cell in ramps.cells))
    pairs = [pair for pair in pairs_of(run, setups) if pair[1] == ramps.baseline]
    gains = {(gain.setup, gain.baseline, gain.condition): gain for gain in ramps.gains}
    return [
        _row(pair, condition, gains.get((*pair, condition)), ramps, quantity)
        for pair in pairs
        for condition in conditions
    ]


def _row(
    pair: tuple[str, str],
    condition: Condition,
    gain: Gain | None,
    ramps: Ramps,
    quantity: _Quantity,
) -> Dumbbell:
    ours = None if gain is None else quantity.ours(gain)
    ratio, low, high = (None, None, None) if ours is None else ours
    published = quantity.published(ramps, pair, condition)
    here = "no figure" if ratio is None else _short(ratio)
    return Dumbbell(
        label=_label(condition),
        group=f"{pair[0]} / {pair[1]}",
        published=published,
        measured=ratio,
        told=here if published is None else f"{_short(published)} → {here}",
        low=low,
        high=high,
    )


def _short(ratio: float) -> str:
    return numbers.rough(ratio)


def _label(condition: Condition) -> str:
    work = _WORKS.get(condition.endpoint, condition.endpoint)
    legs = {} if condition.latency is None else condition.latency.legs
    lengths = set(legs.values())
    if lengths <= {0.0}:
        return f"{work}, +0 ms"
    if len(lengths) == 1:
        return f"{work}, +{lengths.pop():g} ms"
    return f"{work}, {' '.join(f'{leg} +{ms:g} ms' for leg, ms in legs.items() if ms)}"


def _spoken(row: Dumbbell) -> str:
    here = "no figure" if row.measured is None else numbers.number(row.measured)
    bounds = (
        f" [{numbers.number(row.low)}, {numbers.number(row.high)}]"
        if row.low is not None and row.high is not None
        else ""
    )
    print_ = "" if row.published is None else f"published {numbers.number(row.published)}, "
    return f"{row.group}, {row.label}: {print_}measured {here}{bounds}."


def _rates(gain: Gain) -> tuple[float, float | None, float | None]:
    """The interval is that of the best mean over ten seconds; a charted ratio has none."""
    ratio = compared(gain)
    return _bounded(ratio, gain.ours if ratio == gain.ours.mean else None)


def _totals(gain: Gain) -> tuple[float, float | None, float | None] | None:
    return None if gain.successes is None else _bounded(gain.successes.mean, gain.successes)


def _bounded(ratio: float, interval: Interval | None) -> tuple[float, float | None, float | None]:
    if interval is None or interval.low is None or interval.high is None:
        return ratio, None, None
    return ratio, interval.low, interval.high


def _printed_rates(ramps: Ramps, pair: tuple[str, str], condition: Condition) -> float | None:
    one, other = (ramps.in_print(name, condition) for name in pair)
    if one is None or other is None or not other.highest_per_s:
        return None
    return one.highest_per_s / other.highest_per_s


def _printed_totals(ramps: Ramps, pair: tuple[str, str], condition: Condition) -> float | None:
    one, other = (ramps.in_print(name, condition) for name in pair)
    if one is None or other is None or not other.successes:
        return None
    return one.successes / other.successes


_RATES = _Quantity("highest rates", "as fast as", _rates, _printed_rates)
_TOTALS = _Quantity("successes", "as many as", _totals, _printed_totals)
