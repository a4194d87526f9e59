"""Ends a run before its last block: it is precise enough, or its time is up."""

import time
from collections.abc import Callable

from harness.analysis.analyse import analyse
from harness.analysis.measures import Measure
from harness.records.run import Run
from harness.records.store import Store


class Stopper:
    """Decides before each block whether another is measured.

    Args:
        run, store: what is looked at.
        clock: seconds, from any start.
    """

    def __init__(self, run: Run, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._store = store
        self._clock = clock
        self._began = clock()
        self._blocks = 0

    def block_done(self) -> None:
        """Note that a block has been measured in this session."""
        self._blocks += 1

    def reason(self, blocks: int) -> str | None:
        """Say why no block follows after so many; None if one does."""
        return self._out_of_time() or self._precise(blocks)

    def _out_of_time(self) -> str | None:
        budget = self._run.study.stopping.budget_s
        if budget is None or self._blocks == 0:
            return None
        used = self._clock() - self._began
        if used + used / self._blocks <= budget:
            return None
        return f"another block would end after the budget of {budget / 60:g} min"

    def _precise(self, blocks: int) -> str | None:
        stopping = self._run.study.stopping
        if stopping.half_width is None or blocks not in stopping.looks:
            return None
        trials, _ = self._store.trials()
        # On resuming, later blocks may be there already; the look is at those up to here.
        analysis = analyse(self._run, [trial for trial in trials if trial.block <= blocks])
        widths = [
            ratio.log_half_width
            for result in analysis.conditions
            for ratio in result.comparisons[Measure.CPU].ratios.values()
        ]
        known = [width for width in widths if width is not None]
        if not known or len(known) < len(widths) or max(known) > stopping.half_width:
            return None
        every = "every ratio"
        if any(result.missing for result in analysis.conditions):
            every += " of variants with figures"
        return (
            f"{every} is known to ±{max(known):.1%} after {blocks} blocks, "
            f"and ±{stopping.half_width:.1%} was asked for"
        )
