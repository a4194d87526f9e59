"""Noise of this machine, and statistics of series whose values are known."""

import math
import os

import msgspec
import numpy as np
import pytest

from harness.doctor.noise import (
    NoiseLevel,
    autocorrelation,
    judge,
    measure_noise,
    neighbour_sd,
    variation,
)
from harness.inputs.settings import LoadSettings
from harness.lab.machine import propose_cores

QUIET = NoiseLevel(
    steal_share=0.001,
    foreign_share=0.01,
    piece_s=0.152,
    pieces=40,
    variation=0.021,
    autocorrelation=0.34,
    neighbour_sd=0.02,
)


def test_listens_to_this_machine_and_gives_the_processors_back() -> None:
    before = os.sched_getaffinity(0)
    found = measure_noise(propose_cores(), seconds=0.3)
    assert os.sched_getaffinity(0) == before
    assert found.pieces > 0
    assert found.piece_s > 0
    assert found.steal_share >= 0
    assert found.foreign_share >= 0


def test_where_no_time_is_left_the_loop_has_run_once() -> None:
    assert measure_noise(propose_cores(), seconds=0.0).pieces == 1


def test_a_steady_loop_does_not_vary() -> None:
    assert variation([100] * 10) == 0
    assert neighbour_sd([100] * 10) == 0
    assert autocorrelation([100] * 10) is None


def test_a_loop_that_alternates() -> None:
    pieces = [90, 110] * 5
    assert variation(pieces) == pytest.approx(10 / 100 * math.sqrt(10 / 9))
    assert autocorrelation(pieces) == pytest.approx(-0.9)
    assert neighbour_sd(pieces) == pytest.approx(math.log(110 / 90))


def test_a_loop_that_drifts_differs_little_from_piece_to_piece() -> None:
    """What is slow cancels between neighbours: the heart of measuring in slices."""
    pieces = [round(1_000_000 * 1.01**n) for n in range(40)]
    spread, apart = variation(pieces), neighbour_sd(pieces)
    assert apart == pytest.approx(math.log(1.01), rel=1e-3)
    assert spread is not None
    assert spread > 10 * math.log(1.01)
    assert (autocorrelation(pieces) or 0) > 0.9


def test_too_few_pieces_say_nothing() -> None:
    few = [1, 2, 3, 4, 5, 6, 7]
    assert variation(few) is autocorrelation(few) is neighbour_sd(few) is None
    unknown = msgspec.structs.replace(QUIET, variation=None, neighbour_sd=None)
    assert unknown.half_width is None
    assert len(judge(unknown)) == 2


def test_the_half_width_is_what_trials_of_two_identical_servers_show() -> None:
    """A/A trials, simulated: 95 % of them lie within it."""
    random = np.random.default_rng(20)
    rounds = LoadSettings().rounds
    pieces = np.exp(random.normal(0, 0.05, size=4_000)) * 1e8
    half = msgspec.structs.replace(QUIET, neighbour_sd=neighbour_sd(pieces.tolist())).half_width
    logs = np.log(np.exp(random.normal(0, 0.05, size=(4_000, rounds, 2))))
    trials = (logs[:, :, 0] - logs[:, :, 1]).mean(axis=1)
    assert half is not None
    assert np.mean(np.abs(trials) < half) == pytest.approx(0.95, abs=0.015)


def test_a_quiet_machine_needs_no_remedy() -> None:
    findings = judge(QUIET)
    assert [finding.remedy for finding in findings] == [None] * 4
    facts = (
        ("hypervisor", "0.1%"),
        ("1.0% of a core",),
        ("2.1%", "0.15 s", "0.34"),
        ("±0.9%", "20"),
    )
    for finding, named in zip(findings, facts, strict=True):
        assert all(fact in finding.statement for fact in named)


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [("steal_share", 0.05, 0), ("foreign_share", 0.2, 1), ("neighbour_sd", 0.1, 3)],
)
def test_each_kind_of_noise_has_a_remedy(field: str, value: float, at: int) -> None:
    findings = judge(msgspec.structs.replace(QUIET, **{field: value}))
    assert [n for n, finding in enumerate(findings) if finding.remedy is not None] == [at]


def test_without_a_correlation_none_is_told() -> None:
    steady = judge(msgspec.structs.replace(QUIET, autocorrelation=None))[2]
    assert "correlation" not in steady.statement
