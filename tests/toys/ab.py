"""Runs of an A/B, made up in memory."""

import msgspec

from harness.inputs.settings import Setup
from harness.records.run import Run
from harness.records.trial import Trial
from tests.toys.kinds import STEADY
from tests.toys.runs import BASELINE, make_run, make_study, simulate

B = "a/next"


def measured(cost: float, noise: float = 0.004, blocks: int = 6) -> tuple[Run, list[Trial]]:
    """B beside A, whose requests cost 1,000 µs."""
    study = make_study((BASELINE, B), blocks)
    study = msgspec.structs.replace(study, setups={B: Setup(BASELINE, title="x 2")})
    run = make_run(study)
    quiet = {**STEADY, "noise": noise, "start": noise / 4}
    return run, simulate(run, {BASELINE: 1000.0, B: cost}, 5, **quiet)
