"""Every variant against every other under one condition: ratios and verdicts."""

import math
import statistics
from collections.abc import Sequence

from harness.analysis.stats.blocks import BlockModel, Estimate
from harness.analysis.stats.sequential import ONCE, Looks
from harness.analysis.stats.verdicts import Decision, Family, Verdict, decide, detectable


class Pairs:
    """All pairs of these entries by one measure, as one family (Tukey).

    Args:
        model: of the measure.
        entries: whose ratios are wanted; those without values take no part.
        margin, looks: see `decide`.
    """

    def __init__(
        self, model: BlockModel, entries: Sequence[str], margin: float, looks: Looks = ONCE
    ) -> None:
        self.entries = tuple(entry for entry in entries if entry in model.entries)
        self._margin = margin
        self._looks = looks
        self._effects = model.differences(self.entries)

    def effect(self, one: str, other: str) -> Estimate | None:
        """The logarithm of the ratio of one to the other; None without a block in common."""
        if (found := self._effects.get((one, other))) is not None:
            return found
        turned = self._effects.get((other, one))
        return None if turned is None else turned.negated()

    def decision(self, one: str, other: str) -> Decision | None:
        """The verdict on that ratio; None likewise."""
        effect = self.effect(one, other)
        return None if effect is None else self._decide(effect)

    def told_apart(self) -> dict[frozenset[str], bool]:
        """For each pair that has a ratio, whether it differs."""
        return {
            frozenset(names): self._decide(effect).verdict is Verdict.DIFFERS
            for names, effect in self._effects.items()
        }

    def detectable(self, entry: str) -> float | None:
        """The smallest true |log ratio| of any other to this entry that would be called.

        In four of five runs, for a ratio of average precision (the root of the mean square): the
        least precise would speak for one variant with a bad trial. None without intervals.
        """
        found = [
            detectable(effect, Family.TUKEY, len(self.entries), self._looks)
            for names, effect in self._effects.items()
            if entry in names
        ]
        sizes = [size for size in found if size is not None]
        return math.sqrt(statistics.fmean(size**2 for size in sizes)) if sizes else None

    def _decide(self, effect: Estimate) -> Decision:
        return decide(effect, Family.TUKEY, len(self.entries), self._margin, self._looks)
