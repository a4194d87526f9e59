"""The section of waiting requests: what each takes, and where each stack ends."""

from typing import Any

from harness.analysis.stats.interval import Interval
from harness.analysis.waiting import Reach, Waiting, WaitingCell
from harness.report.words import numbers
from harness.report.words.waiting import explained, reach_sentence

HEADINGS = (
    "of the ideal", "median beyond the wait (ms)", "p99 beyond the wait (ms)",
    "memory per request (KiB)", "threads per request", "CPU per answer (µs)", "drain (s)",
    "connections not opened / tried again", "requests timed out", "how it broke",
)  # fmt: skip
"""Of the columns beside number and stack."""
REACHES = ("keeps up to", "falls behind at", "has figures up to", "breaks at", "how")
_PERCENT = 100


def waiting_values(waiting: Waiting | None) -> dict[str, Any] | None:
    """Plain values for the templates; None where no request just waits."""
    if waiting is None:
        return None
    return {
        "explained": explained(waiting),
        "sentences": [reach_sentence(reach) for reach in waiting.reaches],
        "reach_headings": REACHES,
        "reaches": [{"stack": r.entry, "values": _reach(r)} for r in waiting.reaches],
        "headings": HEADINGS,
        "rows": [
            {
                "connections": f"{level.condition.connections:,}",
                "stack": cell.entry,
                "values": _values(cell),
            }
            for level in waiting.levels
            for cell in level.cells
        ],
    }


def _reach(reach: Reach) -> list[str]:
    known = (reach.keeps_up_to, reach.falls_behind_at, reach.holds, reach.breaks_at)
    return [
        *(numbers.MISSING if value is None else f"{value:,}" for value in known),
        ", ".join(reach.how) or numbers.MISSING,
    ]


def _values(cell: WaitingCell) -> list[str]:
    figures = (
        cell.excess_p50_ms, cell.excess_p99_ms, cell.memory_kib, cell.threads, cell.cpu_us,
        cell.drain_s,
    )  # fmt: skip
    return [
        _share(cell.ideal_share),
        *(numbers.estimate(figure) for figure in figures),
        f"{cell.unopened:,} / {cell.retried:,}",
        f"{cell.unanswered:,}",
        ", ".join(cell.broken) or "",
    ]


def _share(share: Interval | None) -> str:
    """In percent; below zero no bound means anything."""
    if share is None:
        return numbers.MISSING
    text = f"{numbers.number(_PERCENT * share.mean)} %"
    if share.low is None or share.high is None:
        return text
    low, high = max(0.0, share.low), share.high
    return f"{text} [{numbers.number(_PERCENT * low)}, {numbers.number(_PERCENT * high)}]"
