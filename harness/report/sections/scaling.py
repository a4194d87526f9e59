"""What more workers gain and cost, as plain values for the templates."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.analyse import Analysis
from harness.analysis.scaling import Scaling, Step
from harness.inputs.conditions import kind_of_request
from harness.records.run import Run
from harness.report.answer.scaling import shared_cores
from harness.report.words import numbers

HEADINGS = (
    "stack", "workers", "requests/s", "speed-up", "efficiency", "CPU per request (µs)",
    "memory per worker (MiB)", "busiest worker", "connections of a worker",
)  # fmt: skip


def scaling_values(run: Run, analysis: Analysis) -> dict[str, Any] | None:
    """A table for each kind of request; None where the study does not vary workers."""
    if not analysis.scalings:
        return None
    endpoints = dict.fromkeys(scaling.endpoint for scaling in analysis.scalings)
    return {
        "headings": HEADINGS,
        "tables": [
            {
                "title": f"{kind_of_request(endpoint)}: what more workers gain",
                "rows": _rows([s for s in analysis.scalings if s.endpoint == endpoint]),
            }
            for endpoint in endpoints
        ],
        "notes": [note for note in (shared_cores(run, analysis), *_NOTES) if note],
    }


_NOTES = (
    "Speed-up is the throughput as a ratio to that with the fewest workers, within each block. "
    "Efficiency is the speed-up divided by the growth of the number of workers.",
    "Memory is the highest resident size of a worker since its start, pages that workers share "
    "included.",
    "The busiest worker's share is of the CPU time of all workers, which each process's clock "
    "tells. Beside it stands an even share.",
    "Connections are those that a worker had accepted, the fewest and the most of any. With "
    "keep-alive a worker answers every request of its connections.",
)


def _rows(scalings: Sequence[Scaling]) -> list[list[str]]:
    return [_row(scaling.entry, step) for scaling in scalings for step in scaling.steps]


def _row(entry: str, step: Step) -> list[str]:
    share = step.busiest_share
    fewest, most = step.connections or (None, None)
    held = numbers.MISSING if fewest is None else f"{fewest:,}"
    return [
        entry,
        f"{step.workers}",
        numbers.number(step.throughput_per_s.mean),
        "1" if step.speedup is None else numbers.ratio(step.speedup),
        numbers.MISSING if step.efficiency is None else f"{step.efficiency.mean:.0%}",
        numbers.MISSING if step.cpu_us is None else numbers.number(step.cpu_us.mean),
        numbers.MISSING if step.worker_mib is None else numbers.number(step.worker_mib),
        numbers.MISSING if share is None else f"{share:.0%} (even: {1 / step.workers:.0%})",
        held if fewest == most else f"{held} to {most:,}",
    ]
