"""Noise: the CPU time that other processes take, and how steady the application's core is."""

import math
import time
from collections.abc import Sequence

import msgspec
import numpy as np

from harness.analysis.labels.rules import FOREIGN_SHARE, STEAL_SHARE
from harness.doctor.advice import Advice, Topic
from harness.inputs.settings import LoadSettings
from harness.lab.clocks import MachineTime
from harness.lab.machine import pinned
from harness.records.run import Cores

_FEWEST = 8
"""Pieces below which their variation is not estimated."""
_NORMAL_95 = 1.96
"""Standard deviations within which 95 % of a normal distribution lie, to both sides."""
_UNSTEADY = 0.03
"""Half-width, as a logarithm of a ratio: the precision that studies aim at."""
_TRIAL = LoadSettings()


class NoiseLevel(msgspec.Struct, frozen=True):
    """Other processes' CPU time, and a fixed arithmetic loop's on the application's core.

    steal_share: share of our processors' time that the hypervisor gave to other machines.
    foreign_share: CPU time of processes that are not ours on our processors, in cores.
    piece_s: CPU time of one repetition of the loop in the mean: about a study's default slice.
    pieces: how many repetitions.
    variation: coefficient of variation of the pieces' CPU times; None for too few pieces.
    autocorrelation: of one piece's CPU time with the next one's, -1 to 1; None as above.
    neighbour_sd: standard deviation of the logarithm of the ratio of two successive pieces; None
        as above.
    """

    steal_share: float
    foreign_share: float
    piece_s: float
    pieces: int
    variation: float | None
    autocorrelation: float | None
    neighbour_sd: float | None

    @property
    def half_width(self) -> float | None:
        """How far the logarithm of the ratio of two identical servers may lie from 0 in one trial.

        At a level of 95 %, by the core's unsteadiness alone, if their slices follow each other: it
        is the mean difference of two successive pieces over the default number of rounds.
        """
        if self.neighbour_sd is None:
            return None
        return _NORMAL_95 * self.neighbour_sd / math.sqrt(_TRIAL.rounds)


def measure_noise(cores: Cores, seconds: float) -> NoiseLevel:
    """Run the loop on the application's first core, and watch all cores of the roles.

    Args:
        cores: of each role.
        seconds: how long; there is one repetition at least, and the last one is completed.
    """
    with pinned({cores.application[0]}):
        count = _count_for(_TRIAL.slice_s)
        machine, own_ns, begun = MachineTime.read(cores.all), time.process_time_ns(), _now()
        pieces = [_burn_ns(count)]
        while _now() - begun < seconds * 1e9:
            pieces.append(_burn_ns(count))
        elapsed, own_ns = _now() - begun, time.process_time_ns() - own_ns
        after = MachineTime.read(cores.all)
    return NoiseLevel(
        steal_share=(after.steal_ns - machine.steal_ns) / elapsed / len(cores.all),
        foreign_share=max(0.0, (after.busy_ns - machine.busy_ns - own_ns) / elapsed),
        piece_s=sum(pieces) / len(pieces) / 1e9,
        pieces=len(pieces),
        variation=variation(pieces),
        autocorrelation=autocorrelation(pieces),
        neighbour_sd=neighbour_sd(pieces),
    )


def variation(pieces: Sequence[int]) -> float | None:
    """Coefficient of variation: the standard deviation as a share of the mean."""
    if len(pieces) < _FEWEST:
        return None
    return float(np.std(pieces, ddof=1) / np.mean(pieces))


def autocorrelation(pieces: Sequence[int]) -> float | None:
    """Autocorrelation at a lag of one piece; None also where all pieces are equal."""
    if len(pieces) < _FEWEST:
        return None
    away = np.asarray(pieces, dtype=float) - np.mean(pieces)
    square = float(away @ away)
    return float(away[:-1] @ away[1:]) / square if square > 0 else None


def neighbour_sd(pieces: Sequence[int]) -> float | None:
    """Standard deviation of the log ratio of two successive pieces.

    Its mean is taken to be 0, because each round draws the order of the servers at random.
    """
    if len(pieces) < _FEWEST:
        return None
    return float(np.sqrt(np.mean(np.square(np.diff(np.log(pieces))))))


def _now() -> int:
    return time.monotonic_ns()


def _count_for(seconds: float) -> int:
    """Iterations of the loop that take about this much CPU time here."""
    count = 100_000
    return max(1, round(count * seconds * 1e9 / _burn_ns(count)))


def _burn_ns(count: int) -> int:
    """CPU time of the loop that `/cpu` of the contract also runs."""
    begun = time.thread_time_ns()
    total = 0
    for i in range(count):
        total += i * i
    return time.thread_time_ns() - begun


def judge(noise: NoiseLevel) -> list[Advice]:
    """State whether the machine is quiet, and how precise a trial can be at best."""
    disturbances = [
        _disturbance(
            f"Stolen by the hypervisor: {noise.steal_share:.1%} of our CPU time.",
            noise.steal_share > STEAL_SHARE,
        ),
        _disturbance(
            f"Other processes on our processors: {noise.foreign_share:.1%} of a core.",
            noise.foreign_share > FOREIGN_SHARE,
        ),
    ]
    return disturbances + _steadiness(noise)


def _disturbance(statement: str, noisy: bool) -> Advice:
    remedy = "trials will be labelled noisy: wait until the machine is quiet, or use another"
    return Advice(Topic.NOISE, statement, remedy if noisy else None)


def _steadiness(noise: NoiseLevel) -> list[Advice]:
    if noise.variation is None or noise.half_width is None:
        return []
    related = ""
    if noise.autocorrelation is not None:
        related = f" (correlation from one to the next {noise.autocorrelation:.2f})"
    unsteady = noise.half_width > _UNSTEADY
    return [
        Advice(
            Topic.NOISE,
            f"A fixed loop's CPU time varies by {noise.variation:.1%} between pieces of "
            f"{noise.piece_s:.2f} s{related}.",
        ),
        Advice(
            Topic.NOISE,
            f"By that alone two identical servers may differ by ±{noise.half_width:.1%} in a trial "
            f"of {_TRIAL.rounds} rounds, if their slices follow each other; with other variants "
            "between them, by more.",
            "more blocks or rounds: four times as many halve it" if unsteady else None,
        ),
    ]
