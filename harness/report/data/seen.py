"""What single trials show: where each stands, its latencies, and who used the processors.

No estimate is needed for that, so that its charts can be drawn while estimates are made.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.analysis.analyse import counted_findings, limiting
from harness.analysis.condition import Piece
from harness.analysis.labels.shares import shares
from harness.analysis.labels.trials import LabelledTrial
from harness.analysis.measures import Measure, answered_share, trial_value
from harness.inputs.study import Condition
from harness.records.histogram import quantiles_ms
from harness.records.run import Run
from harness.records.trial import trial_file
from harness.report.words import runs

MEASURES = (
    Measure.CPU, Measure.THROUGHPUT, Measure.P99, Measure.MEMORY, Measure.SUSTAINED, Measure.SECOND,
)  # fmt: skip
"""Those that the explorer offers, where a condition has them."""
_DIGITS = 4
_SUPERSEDED = "another attempt counts in its place"


def seen(
    run: Run, pieces: Sequence[Piece], trials: Sequence[LabelledTrial]
) -> Mapping[Condition, dict[str, Any]]:
    """Of each condition that has a trial which did not fail.

    Args:
        run: what was measured.
        pieces: the attempts that count.
        trials: all of them, labelled.
    """
    return {
        piece.condition: _condition(
            run, piece, [each for each in trials if each.trial.condition == piece.condition]
        )
        for piece in pieces
        if any(piece.good(entry) for entry in piece.blocks)
    }


def _condition(run: Run, piece: Piece, trials: Sequence[LabelledTrial]) -> dict[str, Any]:
    present = [name for name in run.measured if name in piece.blocks]
    counted = counted_findings(piece)
    limits = {name: limiting(counted[name], len(piece.blocks[name])) for name in present}
    return {
        "trials": [_trial(each) for each in trials],
        "shares": {name: _shares(run, piece, name) for name in present},
        "limits": {
            name: ", ".join(f.label for f in found) or runs.NO_LIMIT
            for name, found in limits.items()
        },
        "latencies": {name: _latencies(piece, name) for name in present},
    }


def _trial(each: LabelledTrial) -> dict[str, Any]:
    """One dot: where it stands by each measure, what became of it, and why."""
    trial = each.trial
    values = {m.value: rounded(trial_value(m, trial)) for m in MEASURES}
    wrong = [f"{f.label}: {f.detail}" for f in each.disturbances]
    return {
        "entry": trial.entry,
        "block": trial.block,
        "attempt": trial.attempt,
        "file": trial_file(trial),
        "values": {name: value for name, value in values.items() if value is not None},
        "standing": each.standing.value,
        "labels": wrong if each.counted else [_SUPERSEDED, *wrong],
    }


def _shares(run: Run, piece: Piece, name: str) -> dict[str, float | None] | None:
    """Cores used by each role, as a mean over the trials."""
    cores = len(run.cores.all)
    used = [s for t in piece.good(name).values() if (s := shares(t, cores)) is not None]
    if not used:
        return None
    known = [s.database for s in used if s.database is not None]
    return {
        "server": rounded(float(np.mean([s.server for s in used]))),
        "PostgreSQL": rounded(float(np.mean(known))) if known else None,
        "generator": rounded(float(np.mean([s.generator for s in used]))),
        "relay": rounded(float(np.mean([s.relay for s in used]))),
    }


def _latencies(piece: Piece, name: str) -> list[list[float | None]]:
    """Percentile, and milliseconds, over all good trials of a variant together."""
    if piece.condition.objective is not None:
        return []  # its windows were at all sorts of rates
    kept = [t for t in piece.good(name).values() if t.latency_hdr]
    encoded = tuple(t.latency_hdr for t in kept if t.latency_hdr)
    return [[p, rounded(ms)] for p, ms in quantiles_ms(encoded, answered_share(kept))]


def rounded(value: float | None) -> float | None:
    """To what a reader can use; None where it is no number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
