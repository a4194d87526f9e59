"""Runs of waiting requests made up in memory: so many are answered, and some stacks break."""

from collections.abc import Mapping, Sequence

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.inputs.settings import ServerSettings
from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.trial import OpeningRecord, ServerSize, Trial
from tests.toys.runs import encoded, make_run, make_study, make_trial, make_window

WAIT_MS, SECOND = 1_000, 1_000_000_000
REST = ServerSize(rss_kib=50_000, threads=3)
KIB_EACH, THREADS_EACH = 20, 2
"""Of a request under way."""


class Broken(msgspec.Struct, frozen=True):
    """In place of a share of the ideal: how a stack's trials broke.

    errors, early: of requests sent within the window, and before it.
    changes: to the trial.
    """

    errors: dict[str, int] = {}
    early: dict[str, int] = {}
    correct: int = 0
    changes: dict[str, object] = {}


def waited(
    shares: Mapping[int, Mapping[str, float | Broken]], blocks: int = 3
) -> tuple[Run, Analysis]:
    """A run whose stacks answer these shares of the ideal, by number of connections."""
    run, trials = waiting_trials(shares, blocks)
    return run, analyse(run, trials)


def waiting_trials(
    shares: Mapping[int, Mapping[str, float | Broken]], blocks: int = 3
) -> tuple[Run, list[Trial]]:
    """The run, and its trials."""
    conditions = tuple(Condition("io_wait", n, 0, window_s=1.0) for n in shares)
    variants = tuple(dict.fromkeys(name for known in shares.values() for name in known))
    study = msgspec.structs.replace(
        make_study(variants, blocks), conditions=conditions, server=ServerSettings(wait_ms=WAIT_MS)
    )
    run = make_run(study)
    trials = [
        _trial(entry.name, block, condition, shares[condition.connections][entry.variant])
        for block in range(1, blocks + 1)
        for condition in conditions
        for entry in run.plan.entries
    ]
    return run, trials


def _trial(entry: str, block: int, condition: Condition, share: float | Broken) -> Trial:
    count = condition.connections
    broken = share if isinstance(share, Broken) else Broken()
    # Blocks differ a little, or there would be no variance.
    correct = broken.correct if isinstance(share, Broken) else round(count * share) + block % 2
    window = make_window(
        correct=correct, errors=broken.errors, before=correct, in_flight=0,
        latency_mean_ns=None, at_rest=REST, errors_early=broken.early,
        at_close=ServerSize(REST.rss_kib + KIB_EACH * count, REST.threads + THREADS_EACH * count),
        opening=OpeningRecord(count, 1, 0, 0, 0, 5, 50, 0), drain_ns=1_200_000_000,
    )  # fmt: skip
    latencies = _latencies(0 if isinstance(share, Broken) else max(correct, 1_000))
    histogram = encoded(latencies) if latencies else None
    made = make_trial(entry, block, [window], condition=condition, latency_hdr=histogram)
    return msgspec.structs.replace(made, **broken.changes)


def _latencies(count: int) -> Sequence[int]:
    """One in fifty takes 200 ms more than the wait, the others 10 ms."""
    return [SECOND + (200 if at % 50 == 0 else 10) * 1_000_000 for at in range(count)]
