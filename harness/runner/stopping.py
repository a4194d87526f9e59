"""Ends a run before its last block: its pairs are decided, it is precise, or its time is up."""

import math
import time
from collections.abc import Callable, Sequence

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.measures import Measure
from harness.records.run import Run
from harness.records.store import Store


class Stopper:
    """Decides before each block whether another is measured.

    Args:
        run, store: what is looked at.
        clock: seconds, from any start.
        sets: of machines that measure at the same time. All wait for a look, so there is one at
            most in as many blocks as there are sets.
    """

    def __init__(
        self,
        run: Run,
        store: Store,
        clock: Callable[[], float] = time.monotonic,
        sets: int = 1,
    ) -> None:
        self._run = run
        self._store = store
        self._clock = clock
        self._sets = sets
        self._looks = _apart(run.study.looks, sets)
        self._began = clock()
        self._blocks = 0

    def block_done(self) -> None:
        """Note that a block has been measured in this session."""
        self._blocks += 1

    def looks(self, blocks: int) -> bool:
        """Whether it looks at the trials after so many blocks."""
        return blocks in self._looks

    def reason(self, blocks: int) -> str | None:
        """Say why no block follows after so many; None if one does."""
        return self._out_of_time() or self._known(blocks)

    def _out_of_time(self) -> str | None:
        budget = self._run.study.stopping.budget_s
        if budget is None or self._blocks == 0:
            return None
        used = self._clock() - self._began
        if used + used / math.ceil(self._blocks / self._sets) <= budget:
            return None
        return f"another block would end after the budget of {budget / 60:g} min"

    def _known(self, blocks: int) -> str | None:
        """Why the run knows enough at a look: all that its study asks for must hold."""
        stopping = self._run.study.stopping
        if not self.looks(blocks):
            return None
        trials, _ = self._store.trials()
        # On resuming, later blocks may be there already; the look is at those up to here.
        analysis = analyse(self._run, [trial for trial in trials if trial.block <= blocks])
        reasons: list[str | None] = []
        if stopping.verdicts:
            reasons.append(_decided(analysis))
        if stopping.half_width is not None:
            reasons.append(_precise(analysis, stopping.half_width, blocks))
        known = [reason for reason in reasons if reason is not None]
        return " and ".join(known) if known and len(known) == len(reasons) else None


def _apart(looks: Sequence[int], least: int) -> frozenset[int]:
    """Those of the looks that have so many blocks between them, and before the first."""
    kept: list[int] = []
    for look in looks:
        if look - (kept[-1] if kept else 0) >= least:
            kept.append(look)
    return frozenset(kept)


def _decided(analysis: Analysis) -> str | None:
    interest = analysis.interest
    if interest is None or not interest.decided:
        return None
    every = f"every pair{_with_figures(analysis)}"
    return f"{every} was decided after {interest.blocks} of {interest.planned} blocks"


def _precise(analysis: Analysis, half_width: float, blocks: int) -> str | None:
    widths = [
        ratio.log_half_width
        for result in analysis.conditions
        for ratio in result.comparisons[Measure.CPU].ratios.values()
    ]
    known = [width for width in widths if width is not None]
    if not known or len(known) < len(widths) or max(known) > half_width:
        return None
    return (
        f"every ratio{_with_figures(analysis)} is known to ±{max(known):.1%} after {blocks} "
        f"blocks, and ±{half_width:.1%} was asked for"
    )


def _with_figures(analysis: Analysis) -> str:
    missing = any(result.missing for result in analysis.conditions)
    return " of variants with figures" if missing else ""
