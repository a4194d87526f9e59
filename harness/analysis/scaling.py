"""How a variant's throughput grows with its workers, what each costs, and how they share the work.

Another number of workers is another start of the servers, so its slices do not stand beside those
that it is compared with. A speed-up is the mean over blocks of the logarithm of a ratio within the
block, with the interval of these values. Noise that lasts for less than a block stays in it. The
speed probe is not used to remove it: cores that slow each other down are a part of the answer.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec
import scipy

from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure
from harness.analysis.stats.intervals import Interval, block_interval
from harness.analysis.stats.ties import ALPHA
from harness.inputs.kinds import Axis, sweeps_of
from harness.records.run import Run
from harness.records.trial import Trial


class WorkerStep(msgspec.Struct, frozen=True):
    """A variant with one number of workers. Intervals are over blocks.

    speedup: its throughput as a ratio to that with the fewest workers; None for those.
    gain: the same to the next smaller number of workers.
    efficiency: the speed-up as a share of what proportional growth would give.
    cpu_us: server CPU per request.
    worker_mib: highest resident size of one worker since its start, on average; pages that workers
        share count for each of them.
    busiest_share: share of the CPU time of all workers that the busiest of them used, the mean over
        blocks. With equal requests it is the share of the requests.
    connections: fewest and most that a worker had accepted, in any block.
    """

    condition: str
    workers: int
    throughput_per_s: Interval
    speedup: Interval | None
    gain: Interval | None
    efficiency: Interval | None
    cpu_us: Interval | None
    worker_mib: float | None
    busiest_share: float | None
    connections: tuple[int, int] | None


def direction(ratio: Interval | None, family: int) -> int:
    """Whether a ratio is shown to be above 1 or below: 1, -1, or 0 for neither.

    Student's test over blocks, with the level of 5 % shared out among so many ratios (Bonferroni).
    """
    if ratio is None or ratio.low is None or ratio.se is None or ratio.mean <= 0:
        return 0
    effect = math.log(ratio.mean)
    half = ratio.se * float(
        scipy.special.stdtrit(ratio.blocks - 1, 1 - ALPHA / (2 * max(1, family)))
    )
    return 0 if abs(effect) <= half else 1 if effect > 0 else -1


class Scaling(msgspec.Struct, frozen=True):
    """One variant and one kind of request, by ascending number of workers."""

    entry: str
    endpoint: str
    steps: tuple[WorkerStep, ...]


def scalings(run: Run, conditions: Sequence[MeasuredCondition]) -> tuple[Scaling, ...]:
    """Every variant along every sweep of workers that the study has; none for other studies."""
    known = {measured.condition: measured for measured in conditions}
    found: list[Scaling] = []
    for sweep in sweeps_of(run.study):
        if sweep.axis is Axis.WORKERS:
            measured = [(int(n), known[c]) for n, c in sweep.points if c in known]
            for entry in run.measured:
                if steps := _steps(entry, measured):
                    found.append(Scaling(entry, sweep.endpoint, steps))
    return tuple(found)


def _steps(entry: str, measured: Sequence[tuple[int, MeasuredCondition]]) -> tuple[WorkerStep, ...]:
    with_figures = [(n, m) for n, m in measured if m.points(Measure.THROUGHPUT, entry)]
    steps: list[WorkerStep] = []
    for at, (workers, one) in enumerate(with_figures):
        fewest, first = with_figures[0]
        speedup = _ratio(entry, one, first) if at else None
        share = fewest / workers
        trials = list(one.good(entry).values())
        throughput = _mean(one.points(Measure.THROUGHPUT, entry))
        assert throughput is not None
        steps.append(
            WorkerStep(
                condition=one.condition.name,
                workers=workers,
                throughput_per_s=throughput,
                speedup=speedup,
                gain=_ratio(entry, one, with_figures[at - 1][1]) if at else None,
                efficiency=None if speedup is None else _scaled(speedup, share),
                cpu_us=_mean(one.points(Measure.CPU, entry)),
                worker_mib=_average(trials, worker_memory_mib),
                busiest_share=_average(trials, busiest_share),
                connections=_extremes(trials),
            )
        )
    return tuple(steps)


def _ratio(entry: str, one: MeasuredCondition, other: MeasuredCondition) -> Interval | None:
    """Of two throughputs, from the blocks that have both."""
    after = one.points(Measure.THROUGHPUT, entry)
    before = other.points(Measure.THROUGHPUT, entry)
    shared = sorted(after.keys() & before.keys())
    found = block_interval([math.log(after[b] / before[b]) for b in shared])
    return None if found is None else found.exp()


def _mean(points: Mapping[int, float]) -> Interval | None:
    """The geometric mean over blocks."""
    found = block_interval([math.log(value) for value in points.values() if value > 0])
    return None if found is None else found.exp()


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(
        mean=interval.mean * factor,
        low=None if interval.low is None else interval.low * factor,
        high=None if interval.high is None else interval.high * factor,
        se=interval.se,
        blocks=interval.blocks,
    )


def busiest_share(trial: Trial) -> float | None:
    """The busiest worker's share of the CPU time of all; None where no worker is known."""
    used = [worker.cpu_ns for worker in trial.workers]
    return max(used) / sum(used) if sum(used) else None


def worker_memory_mib(trial: Trial) -> float | None:
    """Highest resident size of one worker, on average; None where no worker is known."""
    peaks = [worker.rss_peak_kib for worker in trial.workers]
    return statistics.fmean(peaks) / 1024 if peaks else None


def _average(trials: Sequence[Trial], of: Callable[[Trial], float | None]) -> float | None:
    known = [value for trial in trials if (value := of(trial)) is not None]
    return statistics.fmean(known) if known else None


def _extremes(trials: Sequence[Trial]) -> tuple[int, int] | None:
    held = [worker.connections for trial in trials for worker in trial.workers]
    return (min(held), max(held)) if held else None
